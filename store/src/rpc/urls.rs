//! Checks the peer URLs that clients give for members.

use crate::Error;

const SCHEMES: [&str; 4] = ["http", "https", "unix", "unixs"];

/// Checks every URL and sorts them, as member ids and comparisons want them.
///
/// # Errors
/// [`Error::BadMemberUrls`] if there is none, or one is not `scheme://host:port` without a path.
pub fn parse(urls: &[String]) -> Result<Vec<String>, Error> {
    if urls.is_empty() || !urls.iter().all(|url| is_valid(url)) {
        return Err(Error::BadMemberUrls);
    }
    let mut urls: Vec<_> = urls.iter().map(|url| url.trim().to_owned()).collect();
    urls.sort_unstable();
    urls.dedup();
    Ok(urls)
}

fn is_valid(url: &str) -> bool {
    let Some((scheme, rest)) = url.trim().split_once("://") else {
        return false;
    };
    if !SCHEMES.contains(&scheme) {
        return false;
    }
    if scheme.starts_with("unix") {
        return !rest.is_empty();
    }
    // An address and nothing behind it: no user, path, query or fragment.
    if rest.contains(['/', '?', '#', '@']) || rest.contains(char::is_whitespace) {
        return false;
    }
    let Some((host, port)) = rest.rsplit_once(':') else {
        return false;
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let host_ok = match bracketed {
        true => host[1..host.len() - 1]
            .parse::<std::net::Ipv6Addr>()
            .is_ok(),
        false => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    host_ok && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_a_port_and_no_path_are_taken() {
        for url in [
            "http://10.0.0.1:2380",
            "https://a.example:2380",
            "http://[::1]:2380",
            " http://a:1 ",
            "unix://localhost:23800",
        ] {
            assert!(parse(&[url.to_owned()]).is_ok(), "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for url in [
            "",
            "10.0.0.1:2380",
            "ftp://a:1",
            "http://a",
            "http://:2380",
            "http://a:port",
            "http://a:99999",
            "http://a:1/path",
            "http://::1:2380",
            "http://[::1:2380",
            "unix://",
        ] {
            let outcome = parse(&[url.to_owned()]);
            assert_eq!(outcome, Err(Error::BadMemberUrls), "{url}");
        }
        assert_eq!(parse(&[]), Err(Error::BadMemberUrls));
    }

    #[test]
    fn urls_come_back_sorted_and_once() {
        let urls = ["http://b:1", "http://a:1", "http://b:1"].map(str::to_owned);
        assert_eq!(parse(&urls).expect("valid"), ["http://a:1", "http://b:1"]);
    }
}
