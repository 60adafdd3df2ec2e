//! The kind that asks who a token stands for.

use super::authenticator::Authenticator;
use crate::status::Failure;
use serde_json::{Map, Value, json};

/// Answers a TokenReview. `now_s` is in seconds since 1970.
///
/// # Errors
/// 400 if there is no token in it.
pub async fn review(
    authenticator: &Authenticator,
    mut review: Value,
    now_s: i64,
) -> Result<Value, Failure> {
    let spec = &review["spec"];
    let token = spec["token"].as_str().unwrap_or_default();
    if token.is_empty() {
        let message = "token is required for TokenReview in authentication";
        return Err(Failure::bad_request(message));
    }
    let wanted: Option<Vec<String>> = spec["audiences"].as_array().map(|list| {
        let texts = list.iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    });
    let wanted = wanted.filter(|wanted| !wanted.is_empty());
    let found = authenticator.token(token, wanted.as_deref(), now_s).await;
    let mut status = Map::new();
    match found {
        Ok((user, audiences)) => {
            status.insert("authenticated".to_owned(), true.into());
            status.insert("user".to_owned(), user.to_value());
            if !audiences.is_empty() {
                status.insert("audiences".to_owned(), json!(audiences));
            }
        }
        Err(refused) => {
            status.insert("user".to_owned(), json!({}));
            status.insert("error".to_owned(), refused.0.into());
        }
    }
    review["status"] = Value::Object(status);
    Ok(review)
}
