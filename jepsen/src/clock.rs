//! Clocks of members that jump: a preloaded library that reads the time's offset from a file.

use keelson_kit::check::Check;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A member that answers at all does within this time.
const ANSWER: Duration = Duration::from_secs(1);
/// More of an answer is not read: the date is among the first lines.
const HEAD: u64 = 4096;

/// Where a member's offset stands.
pub fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.clock"))
}

/// What stands before a program so that its wall clock listens to the file. The monotonic clock stays as it is.
///
/// # Errors
///
/// When the file cannot be made.
pub fn prefix(library: &Path, directory: &Path, name: &str) -> Check<Vec<String>> {
    let file = file(directory, name);
    std::fs::write(&file, "+0s\n")?;
    Ok(vec![
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", file.display()),
        "FAKETIME_NO_CACHE=1".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ])
}

/// By how many seconds the date in a server's answers is off.
pub async fn offset(url: &str) -> Option<i64> {
    let address = url.strip_prefix("http://")?;
    let answer = timeout(ANSWER, async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request =
            format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.take(HEAD).read_to_end(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    });
    let answer = answer.await.ok()??;
    let date = answer
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("date:"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs() as i64;
    Some(seconds(date.split_once(':')?.1.trim())? - now)
}

/// Seconds since 1970 of a date as HTTP writes it: `Thu, 26 Nov 2026 04:15:53 GMT`.
fn seconds(date: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, _] = words[..] else {
        return None;
    };
    let month = MONTHS.find(month)? as i64 / 3;
    let (day, year) = (day.parse::<i64>().ok()?, year.parse::<i64>().ok()?);
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = |month: i64| match month {
        1 if leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    let years: i64 = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    let days = years + (0..month).map(length).sum::<i64>() + day - 1;
    let (hour, minute) = (hour.parse::<i64>().ok()?, minute.parse::<i64>().ok()?);
    Some(((days * 24 + hour) * 60 + minute) * 60 + second.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            seconds("Sun, 09 Sep 2001 01:46:40 GMT"),
            Some(1_000_000_000)
        );
        assert_eq!(
            seconds("Tue, 29 Feb 2028 12:00:01 GMT"),
            Some(1_835_438_401)
        );
        assert_eq!(seconds("yesterday"), None);
    }
}
