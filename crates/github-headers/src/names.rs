//! Names of the headers that GitHub, and caches in front of it, use beyond those in [`http::header`].

use http::HeaderName;

/// `X-GitHub-Api-Version`: the REST version a client asks for.
/// Not in GitHub's `Vary`, yet the body depends on it, so it belongs in every cache key.
pub const X_GITHUB_API_VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
/// `X-GitHub-Api-Version-Selected`: the REST version GitHub answered with.
pub const X_GITHUB_API_VERSION_SELECTED: HeaderName =
    HeaderName::from_static("x-github-api-version-selected");
/// `X-GitHub-Media-Type`: how GitHub understood `Accept`, like `github.v3; format=json`. Absent from a 304.
pub const X_GITHUB_MEDIA_TYPE: HeaderName = HeaderName::from_static("x-github-media-type");
/// `X-GitHub-Request-Id`: what GitHub support asks for; its last group is the hexadecimal second of the request.
pub const X_GITHUB_REQUEST_ID: HeaderName = HeaderName::from_static("x-github-request-id");
/// `X-GitHub-OTP`: a one-time password. A secret, and named in the `Vary` of authorised answers.
pub const X_GITHUB_OTP: HeaderName = HeaderName::from_static("x-github-otp");
/// `X-GitHub-SSO`: an organisation wants SAML single sign-on.
pub const X_GITHUB_SSO: HeaderName = HeaderName::from_static("x-github-sso");
/// `X-Accepted-GitHub-Permissions`: what a fine-grained token would need.
pub const X_ACCEPTED_GITHUB_PERMISSIONS: HeaderName =
    HeaderName::from_static("x-accepted-github-permissions");
/// `X-OAuth-Scopes`: the scopes of a classic token.
pub const X_OAUTH_SCOPES: HeaderName = HeaderName::from_static("x-oauth-scopes");
/// `X-Accepted-OAuth-Scopes`: the scopes the endpoint looks for.
pub const X_ACCEPTED_OAUTH_SCOPES: HeaderName = HeaderName::from_static("x-accepted-oauth-scopes");
/// `GitHub-Authentication-Token-Expiration`: when the presented token ends.
pub const GITHUB_AUTHENTICATION_TOKEN_EXPIRATION: HeaderName =
    HeaderName::from_static("github-authentication-token-expiration");
/// `x-ratelimit-limit`: requests per window of this bucket.
pub const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// `x-ratelimit-remaining`: requests left in the window.
pub const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// `x-ratelimit-used`: requests made in the window.
pub const X_RATELIMIT_USED: HeaderName = HeaderName::from_static("x-ratelimit-used");
/// `x-ratelimit-reset`: the end of the window, in seconds since the epoch.
pub const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// `x-ratelimit-resource`: which bucket the request was counted in.
pub const X_RATELIMIT_RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");
/// `X-Poll-Interval`: how many seconds to wait before asking an event feed again.
pub const X_POLL_INTERVAL: HeaderName = HeaderName::from_static("x-poll-interval");
/// `Cache-Status`: how caches handled the request (RFC 9211).
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// `X-Cache`: the older, informal relative of `Cache-Status`.
pub const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
