//! The files. A test compares the list with the directory.

use super::File;

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!($name, ".txt")))),*]
    };
}

/// All of them.
pub(in crate::schema) const FILES: &[File] = files! {
    "common"
    "io.k8s.api.apps.v1"
    "io.k8s.api.core.v1-1"
    "io.k8s.api.core.v1-2"
    "io.k8s.api.core.v1-3"
    "io.k8s.api.core.v1-4"
    "io.k8s.api.core.v1-5"
    "io.k8s.api.core.v1-6"
    "io.k8s.apimachinery.pkg.apis.meta.v1"
    "io.k8s.apimachinery.pkg.version"
};
