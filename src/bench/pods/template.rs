//! A Pod as bytes. It is written once; each Pod is a copy with another name and another text.

use super::find::find;
use crate::bench::workload::Values;
use crate::kube::client::Encoding;
use bytes::{Bytes, BytesMut};
use keelson_apiserver::decode::Wire;
use keelson_apiserver::encode::protobuf;
use keelson_apiserver::schema::{self, Gvk};
use serde_json::{Value, json};

/// Digits of a Pod's number in its name.
pub const DIGITS: usize = 10;
/// Stands where the text will be; occurs nowhere else.
const BLANK: u8 = b'~';
/// The label of all Pods of a run.
pub const RUN: &str = "bench.keelson.io/run";
/// The annotation that says when an update was sent. Comes before the text.
pub const SENT: &str = "bench.keelson.io/sent";
const TEXT: &str = "bench.keelson.io/text";

/// What Pods have in common.
pub struct Plan<'a> {
    /// Names are this and a number.
    pub run: &'a str,
    /// Bytes of a Pod in JSON, if it can be made as small.
    pub size: usize,
    /// The scheduler shall find nodes for them; otherwise nobody does.
    pub is_scheduled: bool,
}

/// See the module.
pub struct Template {
    bytes: Vec<u8>,
    /// Where the digits are, and where the text is.
    digits: usize,
    text: usize,
    text_bytes: usize,
}

impl Template {
    /// Writes the Pod.
    ///
    /// # Errors
    /// It cannot be written so: why.
    pub fn new(plan: &Plan<'_>, encoding: Encoding) -> Result<Template, String> {
        let bare = pod(plan, 1).to_string().len();
        let text_bytes = 1 + plan.size.saturating_sub(bare);
        let pod = pod(plan, text_bytes);
        let bytes = match encoding {
            Encoding::Json => pod.to_string().into_bytes(),
            Encoding::Protobuf => {
                let gvk = Gvk {
                    group: String::new(),
                    version: "v1".to_owned(),
                    kind: "Pod".to_owned(),
                };
                let table = schema::builtin();
                let written = protobuf(table, &Wire::new(table), &gvk, &pod);
                written.map_err(|error| error.to_string())?
            }
        };
        let name = name(plan.run, 0);
        let lost = || "a Pod is not written as it should be".to_owned();
        let digits = find(&bytes, name.as_bytes()).ok_or_else(lost)? + name.len() - DIGITS;
        // The last place: in protobuf the length before it may look like a part of it.
        let blank = bytes.iter().rposition(|byte| *byte == BLANK);
        let text = blank.ok_or_else(lost)? + 1 - text_bytes;
        Ok(Template {
            bytes,
            digits,
            text,
            text_bytes,
        })
    }

    /// The Pod with this number. Copies the text.
    pub fn pod(&self, number: u64, text: &[u8]) -> Bytes {
        let mut pod = BytesMut::from(&self.bytes[..]);
        let digits = format!("{number:0DIGITS$}");
        pod[self.digits..self.digits + DIGITS].copy_from_slice(&digits.as_bytes()[..DIGITS]);
        pod[self.text..self.text + self.text_bytes].copy_from_slice(&text[..self.text_bytes]);
        pod.freeze()
    }

    /// Texts of the right size.
    pub fn texts(&self, seed: u64) -> Values {
        Values::text(self.text_bytes, seed)
    }

    /// No Pod in a list is smaller, however it is written.
    pub fn bytes_min(&self) -> usize {
        self.text_bytes
    }
}

/// The name of the Pod with this number.
pub fn name(run: &str, number: u64) -> String {
    format!("{run}-{number:0DIGITS$}")
}

fn pod(plan: &Plan<'_>, text_bytes: usize) -> Value {
    let text = char::from(BLANK).to_string().repeat(text_bytes);
    let scheduler = match plan.is_scheduled {
        true => "default-scheduler",
        false => "keelson-bench-nobody",
    };
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name(plan.run, 0),
            "labels": {RUN: plan.run},
            "annotations": {TEXT: text},
        },
        "spec": {
            "automountServiceAccountToken": false,
            "schedulerName": scheduler,
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "main",
                "image": "registry.k8s.io/pause:3.10",
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan<'_> = Plan {
        run: "r1",
        size: 4096,
        is_scheduled: false,
    };

    #[test]
    fn a_pod_has_the_size_the_name_and_the_text_that_were_asked_for() {
        let template = Template::new(&PLAN, Encoding::Json).unwrap();
        let text = "x".repeat(template.bytes_min());
        let bytes = template.pod(1_234, text.as_bytes());
        assert_eq!(bytes.len(), 4096);
        let pod: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(pod["metadata"]["name"], "r1-0000001234");
        assert_eq!(pod["metadata"]["annotations"][TEXT], text);
        assert_eq!(pod["metadata"]["labels"][RUN], "r1");
    }

    #[test]
    fn in_protobuf_only_the_name_and_the_text_change_whatever_their_lengths_look_like() {
        // Among these lengths are those that are written with the byte that stands for the text.
        for size in 300..700 {
            let plan = Plan { size, ..PLAN };
            let template = Template::new(&plan, Encoding::Protobuf).unwrap();
            let text = "x".repeat(template.bytes_min());
            let pod = template.pod(7, text.as_bytes());
            let mut wanted = super::pod(&plan, template.bytes_min());
            wanted["metadata"]["name"] = name("r1", 7).into();
            wanted["metadata"]["annotations"][TEXT] = text.into();
            let gvk = Gvk {
                group: String::new(),
                version: "v1".to_owned(),
                kind: "Pod".to_owned(),
            };
            let table = schema::builtin();
            let wanted = protobuf(table, &Wire::new(table), &gvk, &wanted).unwrap();
            assert!(pod == wanted, "{size}");
        }
    }
}
