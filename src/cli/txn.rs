//! `keelson kv txn`: a transaction in etcdctl's words, from stdin.
//!
//! Three blocks with a blank line between them: compares, what to do if all hold, what to do
//! otherwise.
//!
//! ```text
//! mod("key") = "3"
//! value("other") != "x"
//!
//! put key "new value"
//!
//! get key
//! ```

use super::Context;
use super::connect::kv_client;
use super::error::{Error, Result};
use super::kv::{json_key_value, key_values, prefix_end};
use super::output;
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::response_op::Response;
use keelson_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseOp, TxnRequest,
};
use serde_json::{Value, json};
use std::io::Read;

/// Reads stdin, runs it, shows what happened.
pub async fn run(context: &Context) -> Result<()> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Error::failure("cannot read stdin").why(error.to_string()))?;
    let request = parse(&text).map_err(|why| {
        Error::usage("cannot read the transaction")
            .why(why)
            .fix("compares, blank line, success requests, blank line, failure requests")
    })?;
    let call = |channel| async move { kv_client(channel).txn(request).await };
    let answer = context.client()?.write("run the transaction", call).await?;
    let revision = answer.header.as_ref().map_or(0, |header| header.revision);
    if context.json() {
        output::json_document(&json!({
            "revision": revision,
            "succeeded": answer.succeeded,
            "responses": answer.responses.iter().map(json_response).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let branch = if answer.succeeded {
        "success"
    } else {
        "failure"
    };
    output::data(&format!("{branch}  revision {revision}\n"));
    for response in &answer.responses {
        output::data(&shown(response));
    }
    Ok(())
}

fn shown(response: &ResponseOp) -> String {
    match &response.response {
        Some(Response::ResponseRange(range)) => key_values(&range.kvs, false),
        Some(Response::ResponsePut(_)) => "put\n".to_owned(),
        Some(Response::ResponseDeleteRange(delete)) => format!("deleted {}\n", delete.deleted),
        Some(Response::ResponseTxn(txn)) => txn.responses.iter().map(shown).collect(),
        None => String::new(),
    }
}

fn json_response(response: &ResponseOp) -> Value {
    match &response.response {
        Some(Response::ResponseRange(range)) => {
            json!({"range": {"count": range.count, "kvs": range.kvs.iter().map(json_key_value).collect::<Vec<_>>()}})
        }
        Some(Response::ResponsePut(_)) => json!({"put": {}}),
        Some(Response::ResponseDeleteRange(delete)) => {
            json!({"delete": {"deleted": delete.deleted}})
        }
        Some(Response::ResponseTxn(txn)) => {
            json!({"txn": {"succeeded": txn.succeeded, "responses": txn.responses.iter().map(json_response).collect::<Vec<_>>()}})
        }
        None => Value::Null,
    }
}

/// Reads the three blocks. Each but the first may be left out.
pub fn parse(text: &str) -> std::result::Result<TxnRequest, String> {
    let mut blocks: [Vec<&str>; 3] = Default::default();
    let mut block = 0;
    for line in text.lines() {
        match (line.trim(), block) {
            ("", 0 | 1) => block += 1,
            ("", _) => {}
            (line, _) => blocks[block].push(line),
        }
    }
    let [compares, success, failure] = blocks;
    let request = TxnRequest {
        compare: compares
            .into_iter()
            .map(compare)
            .collect::<std::result::Result<_, _>>()?,
        success: success
            .into_iter()
            .map(operation)
            .collect::<std::result::Result<_, _>>()?,
        failure: failure
            .into_iter()
            .map(operation)
            .collect::<std::result::Result<_, _>>()?,
    };
    match request.success.is_empty() && request.failure.is_empty() {
        true => Err("it has nothing to do in either branch".to_owned()),
        false => Ok(request),
    }
}

/// `mod("key") > "0"`.
fn compare(line: &str) -> std::result::Result<Compare, String> {
    let wrong = || format!("{line:?} is not a compare; write it like mod(\"key\") = \"3\"");
    let (target, rest) = line.split_once('(').ok_or_else(wrong)?;
    let (key, rest) = word(rest, &[')'])?;
    let rest = rest
        .trim_start()
        .strip_prefix(')')
        .ok_or_else(wrong)?
        .trim_start();
    let (result, rest) = if let Some(rest) = rest.strip_prefix("!=") {
        (CompareResult::NotEqual, rest)
    } else {
        let result = match rest.chars().next() {
            Some('=') => CompareResult::Equal,
            Some('>') => CompareResult::Greater,
            Some('<') => CompareResult::Less,
            _ => return Err(wrong()),
        };
        (result, &rest[1..])
    };
    let (operand, rest) = word(rest, &[])?;
    if !rest.trim().is_empty() {
        return Err(wrong());
    }
    let number = || -> std::result::Result<i64, String> {
        let text = String::from_utf8_lossy(&operand);
        text.parse()
            .map_err(|_| format!("{text:?} is not a number in {line:?}"))
    };
    let (target, union) = match target.trim() {
        "ver" | "version" => (CompareTarget::Version, TargetUnion::Version(number()?)),
        "c" | "create" => (
            CompareTarget::Create,
            TargetUnion::CreateRevision(number()?),
        ),
        "m" | "mod" => (CompareTarget::Mod, TargetUnion::ModRevision(number()?)),
        "val" | "value" => (CompareTarget::Value, TargetUnion::Value(operand.clone())),
        "lease" => {
            let text = String::from_utf8_lossy(&operand).into_owned();
            let id = u64::from_str_radix(&text, 16)
                .map_err(|_| format!("{text:?} is not a lease id"))?;
            (CompareTarget::Lease, TargetUnion::Lease(id as i64))
        }
        other => {
            return Err(format!(
                "{other:?} cannot be compared; version, create, mod, value and lease can"
            ));
        }
    };
    Ok(Compare {
        result: result as i32,
        target: target as i32,
        key,
        target_union: Some(union),
        range_end: Bytes::new(),
    })
}

/// `put KEY VALUE`, `get KEY [END]`, `del KEY [END]`, the latter two with `--prefix` or `--from-key`.
fn operation(line: &str) -> std::result::Result<RequestOp, String> {
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.trim().is_empty() {
        let (next, behind) = word(rest, &[])?;
        words.push(next);
        rest = behind;
    }
    let (flags, words): (Vec<Bytes>, Vec<Bytes>) =
        words.into_iter().partition(|word| word.starts_with(b"--"));
    let range = |words: &[Bytes]| -> std::result::Result<(Bytes, Bytes), String> {
        let end = match (flags.first().map(Bytes::as_ref), words.get(1)) {
            (None, Some(end)) => end.clone(),
            (None, None) => Bytes::new(),
            (Some(b"--prefix"), None) => prefix_end(&words[0]),
            (Some(b"--from-key"), None) => Bytes::from_static(b"\0"),
            _ => {
                return Err(format!(
                    "{line:?}: only --prefix or --from-key, and then no end"
                ));
            }
        };
        Ok((words[0].clone(), end))
    };
    let request = match (words.first().map(Bytes::as_ref), words.len()) {
        (Some(b"put"), 3) if flags.is_empty() => Request::RequestPut(PutRequest {
            key: words[1].clone(),
            value: words[2].clone(),
            ..PutRequest::default()
        }),
        (Some(b"get"), 2 | 3) => {
            let (key, range_end) = range(&words[1..])?;
            Request::RequestRange(RangeRequest {
                key,
                range_end,
                ..RangeRequest::default()
            })
        }
        (Some(b"del"), 2 | 3) => {
            let (key, range_end) = range(&words[1..])?;
            Request::RequestDeleteRange(DeleteRangeRequest {
                key,
                range_end,
                prev_kv: false,
            })
        }
        _ => {
            return Err(format!(
                "{line:?} is not a request; write put KEY VALUE, get KEY [END] or del KEY [END]"
            ));
        }
    };
    Ok(RequestOp {
        request: Some(request),
    })
}

/// The next word: in quotes with escapes, or up to white space or one of `stops`.
fn word<'a>(text: &'a str, stops: &[char]) -> std::result::Result<(Bytes, &'a str), String> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_whitespace() || stops.contains(&c))
            .unwrap_or(text.len());
        return Ok((
            Bytes::copy_from_slice(&text.as_bytes()[..end]),
            &text[end..],
        ));
    };
    let mut bytes = Vec::new();
    let mut letters = quoted.char_indices();
    while let Some((position, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Bytes::from(bytes), &quoted[position + 1..])),
            '\\' => match letters.next().map(|(_, letter)| letter) {
                Some('n') => bytes.push(b'\n'),
                Some('t') => bytes.push(b'\t'),
                Some('r') => bytes.push(b'\r'),
                Some('x') => {
                    let code = quoted.get(position + 2..position + 4);
                    let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
                    bytes.push(code.ok_or_else(|| format!("\\x needs two digits in {text:?}"))?);
                    letters.nth(1);
                }
                Some(other @ ('"' | '\\')) => bytes.extend(other.to_string().bytes()),
                _ => return Err(format!("unknown escape in {text:?}")),
            },
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    Err(format!("a quote is not closed in {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_blocks_are_read() {
        let request = parse(
            "mod(\"a b\") > \"3\"\nvalue(x) != \"y\\x00\"\n\nput k \"v \\\"q\\\"\"\nget p --prefix\n\ndel k\n\n",
        )
        .unwrap();
        assert_eq!(request.compare.len(), 2);
        assert_eq!(request.compare[0].key, "a b");
        assert_eq!(
            request.compare[0].target_union,
            Some(TargetUnion::ModRevision(3))
        );
        assert_eq!(
            request.compare[1].target_union,
            Some(TargetUnion::Value(Bytes::from_static(b"y\0")))
        );
        assert_eq!(request.compare[1].result, CompareResult::NotEqual as i32);
        assert_eq!(request.success.len(), 2);
        assert!(
            matches!(&request.success[0].request, Some(Request::RequestPut(put)) if put.value == "v \"q\"")
        );
        assert!(
            matches!(&request.success[1].request, Some(Request::RequestRange(get)) if get.range_end == "q")
        );
        assert_eq!(request.failure.len(), 1);
    }

    #[test]
    fn compares_may_be_empty() {
        let request = parse("\nput a b\n").unwrap();
        assert!(request.compare.is_empty());
        assert_eq!(request.success.len(), 1);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(
            parse("mod(a) ~ \"1\"\n\nput a b")
                .unwrap_err()
                .contains("not a compare")
        );
        assert!(
            parse("mod(a) = \"x\"\n\nput a b")
                .unwrap_err()
                .contains("not a number")
        );
        assert!(parse("\nput a").unwrap_err().contains("not a request"));
        assert!(parse("\nput a \"b").unwrap_err().contains("not closed"));
        assert!(parse("").unwrap_err().contains("nothing to do"));
    }
}
