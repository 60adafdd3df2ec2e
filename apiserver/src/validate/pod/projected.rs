//! Volumes that are put together from several sources.

use super::super::at::{At, Errors};
use super::volume::{below, downward_file, key_to_path, mode};
use std::collections::BTreeSet;

const TOKEN_SECONDS_MIN: i64 = 600;
const TOKEN_SECONDS_MAX: i64 = 1 << 32;

/// A projected volume.
pub(super) fn check(volume: &At<'_>, errors: &mut Errors) {
    mode(&volume.get("defaultMode"), errors);
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for source in volume.get("sources").items() {
        let mut count = 0;
        for field in ["secret", "configMap"] {
            let part = source.get(field);
            if part.is_set() {
                count += 1;
                keys(volume, &part, &mut paths, errors);
            }
        }
        let downward = source.get("downwardAPI");
        if downward.is_set() {
            count += 1;
            for file in downward.get("items").items() {
                downward_file(&downward, &file, errors);
                let path = file.get("path").text();
                if !path.is_empty() && !paths.insert(path) {
                    errors.push(volume.invalid_as(path, CONFLICT));
                }
            }
        }
        let account = source.get("serviceAccountToken");
        if account.is_set() {
            count += 1;
            token(volume, &account, errors);
        }
        let bundle = source.get("clusterTrustBundle");
        if bundle.is_set() {
            count += 1;
            trust(volume, &bundle, &mut paths, errors);
        }
        if count > 1 {
            errors.push(source.forbidden("may not specify more than 1 volume type per source"));
        }
    }
}

const CONFLICT: &str = "conflicting duplicate paths";

fn keys<'v>(volume: &At<'_>, part: &At<'v>, paths: &mut BTreeSet<&'v str>, errors: &mut Errors) {
    let name = part.get("name");
    name.nonempty(errors);
    for item in part.get("items").items() {
        key_to_path(&item, errors);
        let path = item.get("path").text();
        if !path.is_empty() && !paths.insert(path) {
            errors.push(volume.invalid_as(name.text(), CONFLICT));
        }
    }
}

/// Upstream shows a wrong path as one of the volume.
fn token(volume: &At<'_>, token: &At<'_>, errors: &mut Errors) {
    let expires = token.get("expirationSeconds");
    if expires.int() < TOKEN_SECONDS_MIN {
        let what = "may not specify a duration less than 10 minutes";
        errors.push(expires.invalid_as(expires.int(), what));
    }
    if expires.int() > TOKEN_SECONDS_MAX {
        errors.push(expires.invalid("may not specify a duration larger than 2^32 seconds"));
    }
    let path = token.get("path").called(volume, "path");
    match path.text() {
        "" => errors.push(path.required("")),
        _ => below(&path, errors),
    }
}

fn trust<'v>(volume: &At<'_>, bundle: &At<'v>, paths: &mut BTreeSet<&'v str>, errors: &mut Errors) {
    let (name, signer) = (bundle.get("name"), bundle.get("signerName"));
    match (name.is_set(), signer.is_set()) {
        (true, true) => {
            errors.push(bundle.invalid("only one of name and signerName may be used"));
        }
        (true, false) => {
            if name.text().is_empty() {
                errors.push(name.required("must be a valid object name"));
            }
            if bundle.get("labelSelector").is_set() {
                let what = "labelSelector must be unset if name is specified";
                errors.push(bundle.get("labelSelector").invalid(what));
            }
        }
        (false, true) if signer.text().is_empty() => {
            errors.push(signer.required("must be a valid signer name"));
        }
        (false, true) => {}
        (false, false) => {
            errors.push(bundle.required("either name or signerName must be specified"));
        }
    }
    let path = bundle.get("path");
    path.nonempty(errors);
    below(&path, errors);
    if !paths.insert(path.text()) {
        errors.push(volume.invalid_as(path.text(), CONFLICT));
    }
}
