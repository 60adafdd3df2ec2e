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
    "io.k8s.api.admissionregistration.v1"
    "io.k8s.api.admissionregistration.v1alpha1"
    "io.k8s.api.admissionregistration.v1beta1"
    "io.k8s.api.apiserverinternal.v1alpha1"
    "io.k8s.api.apps.v1"
    "io.k8s.api.authentication.v1"
    "io.k8s.api.authorization.v1"
    "io.k8s.api.autoscaling.v1"
    "io.k8s.api.autoscaling.v2"
    "io.k8s.api.batch.v1"
    "io.k8s.api.certificates.v1"
    "io.k8s.api.certificates.v1alpha1"
    "io.k8s.api.certificates.v1beta1"
    "io.k8s.api.coordination.v1"
    "io.k8s.api.coordination.v1alpha2"
    "io.k8s.api.coordination.v1beta1"
    "io.k8s.api.core.v1-1"
    "io.k8s.api.core.v1-2"
    "io.k8s.api.core.v1-3"
    "io.k8s.api.core.v1-4"
    "io.k8s.api.core.v1-5"
    "io.k8s.api.core.v1-6"
    "io.k8s.api.discovery.v1"
    "io.k8s.api.events.v1"
    "io.k8s.api.flowcontrol.v1"
    "io.k8s.api.networking.v1"
    "io.k8s.api.networking.v1beta1"
    "io.k8s.api.node.v1"
    "io.k8s.api.policy.v1"
    "io.k8s.api.rbac.v1"
    "io.k8s.api.resource.v1"
    "io.k8s.api.resource.v1alpha3"
    "io.k8s.api.resource.v1beta1"
    "io.k8s.api.resource.v1beta2"
    "io.k8s.api.scheduling.v1"
    "io.k8s.api.scheduling.v1alpha1"
    "io.k8s.api.storage.v1"
    "io.k8s.api.storage.v1beta1"
    "io.k8s.api.storagemigration.v1beta1"
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
    "io.k8s.apimachinery.pkg.apis.meta.v1"
    "io.k8s.apimachinery.pkg.version"
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1"
};
