//! What a member counts, as a scrape shows it.

use crate::check::{Check, some};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// The value of a metric without labels. `endpoint` is that of etcd clients.
///
/// # Errors
/// When the member does not answer or has no such metric.
pub async fn metric(endpoint: &str, name: &str) -> Check<f64> {
    let text = timeout(PATIENCE, scrape(endpoint)).await??;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(own, _)| *own == name);
    let (_, value) = some(name, found)?;
    Ok(value.trim().parse()?)
}

async fn scrape(endpoint: &str) -> Check<String> {
    let address = some("http://", endpoint.strip_prefix("http://"))?;
    let mut stream = TcpStream::connect(address).await?;
    // Of the old version, so that the answer comes in one piece and ends with the connection.
    let request = format!("GET /metrics HTTP/1.0\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
