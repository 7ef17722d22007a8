//! Where Redis is, as one URL.

use super::options::{
    Endpoint, RedisDeployment, RedisOptions, RedisOptionsError, RedisTls, Secret, Sentinel,
};

impl RedisOptions {
    /// Reads a URL; everything that it does not say keeps its default.
    ///
    /// | URL | what |
    /// |---|---|
    /// | `redis://[[user]:password@]host[:port][/database]` | one server |
    /// | `redis-sentinel://[[user]:password@]host[:port],...[/service[/database]]` | sentinels and the name that they give the primary (`mymaster`) |
    /// | `redis-cluster://[[user]:password@]host[:port],...` | nodes of a cluster |
    ///
    /// `rediss`, `rediss-sentinel` and `rediss-cluster` speak TLS. User and password are percent-decoded.
    ///
    /// # Errors
    /// When it is no such URL. The text is not repeated: it may hold a password.
    pub fn from_url(url: &str) -> Result<Self, RedisOptionsError> {
        let wrong = RedisOptionsError::Url;
        let (scheme, rest) = url.split_once("://").ok_or(wrong.clone())?;
        let (scheme, tls) = match scheme.strip_prefix("rediss") {
            Some(form) => (form, Some(RedisTls::default())),
            None => (scheme.strip_prefix("redis").ok_or(wrong.clone())?, None),
        };
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts = |default_port| {
            hosts
                .split(',')
                .map(|host| Endpoint::parse(host, default_port))
                .collect::<Result<Vec<_>, _>>()
        };
        let mut database = "";
        let deployment = match scheme {
            "" => {
                database = path;
                let mut hosts = hosts(Endpoint::REDIS_PORT)?.into_iter();
                match (hosts.next(), hosts.next()) {
                    (Some(primary), None) => RedisDeployment::Standalone {
                        primary,
                        reader: None,
                    },
                    _ => return Err(wrong),
                }
            }
            "-sentinel" => {
                let (service, number) = path.split_once('/').unwrap_or((path, ""));
                database = number;
                RedisDeployment::Sentinel(Sentinel {
                    service: match service {
                        "" => "mymaster".to_owned(),
                        service => service.to_owned(),
                    },
                    nodes: hosts(Endpoint::SENTINEL_PORT)?,
                    username: None,
                    password: None,
                })
            }
            "-cluster" if path.is_empty() => RedisDeployment::Cluster {
                seeds: hosts(Endpoint::REDIS_PORT)?,
            },
            _ => return Err(wrong),
        };
        let (username, password) = match credentials.map(|text| text.split_once(':')) {
            None => (None, None),
            Some(Some((user, password))) => (Some(user), Some(password)),
            // A name alone is a password in some clients and a user in others.
            Some(None) => return Err(wrong),
        };
        let decoded = |text: &str| decode(text).ok_or(RedisOptionsError::Url);
        Ok(Self {
            deployment,
            username: username
                .filter(|user| !user.is_empty())
                .map(decoded)
                .transpose()?,
            password: password.map(decoded).transpose()?.map(Secret::new),
            tls,
            database: match database {
                "" => 0,
                number => number.parse().map_err(|_| wrong)?,
            },
            ..Self::default()
        })
    }
}

/// Percent-decoding (RFC 3986 §2.1).
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standalone(host: &str, port: u16) -> RedisDeployment {
        RedisDeployment::Standalone {
            primary: Endpoint::new(host, port),
            reader: None,
        }
    }

    #[test]
    fn urls() {
        #[track_caller]
        fn check(url: &str, expected: RedisOptions) {
            assert_eq!(RedisOptions::from_url(url).as_ref(), Ok(&expected), "{url}");
        }
        let default = RedisOptions::default;
        check(
            "redis://cache",
            RedisOptions {
                deployment: standalone("cache", 6379),
                ..default()
            },
        );
        check(
            "rediss://:p%40ss:word@[::1]:7000/3",
            RedisOptions {
                deployment: standalone("::1", 7000),
                password: Some(Secret::new("p@ss:word")),
                tls: Some(RedisTls::default()),
                database: 3,
                ..default()
            },
        );
        check(
            "redis-sentinel://me:secret@a,b:1/main/2",
            RedisOptions {
                deployment: RedisDeployment::Sentinel(Sentinel {
                    service: "main".to_owned(),
                    nodes: vec![Endpoint::new("a", 26379), Endpoint::new("b", 1)],
                    username: None,
                    password: None,
                }),
                username: Some("me".to_owned()),
                password: Some(Secret::new("secret")),
                database: 2,
                ..default()
            },
        );
        check(
            "redis-cluster://a:1,b:2",
            RedisOptions {
                deployment: RedisDeployment::Cluster {
                    seeds: vec![Endpoint::new("a", 1), Endpoint::new("b", 2)],
                },
                ..default()
            },
        );
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for wrong in [
            "",
            "cache:6379",
            "http://cache",
            "redis://",
            "redis://a,b",
            "redis://a/x",
            "redis://a/256",
            "redis://pw@a",
            "redis://:%zz@a",
            "redis-cluster://a/1",
            "redis-other://a",
        ] {
            let error = RedisOptions::from_url(wrong).unwrap_err();
            assert!(!error.to_string().contains("a/"), "{wrong}: {error}");
        }
    }
}
