//! What Redis does in one step.

/// Stores the head `ARGV[2]`, and the body `ARGV[7]` if it is given, under the number `ARGV[1]`, unless a larger one is
/// there; lets them live for `ARGV[4]` milliseconds, and tells the name `ARGV[6]` on the channel `ARGV[5]`.
///
/// Answers `{0, 0}` when stored, `{1, number}` when a larger number is there, `{2, 0}` when the body with the tag
/// `ARGV[3]` is neither given nor there. Numbers are below 2^53, so that Lua counts them exactly.
pub(super) const PUBLISH: &str = "\
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence and tonumber(ARGV[1]) < tonumber(fence) then return {1, tonumber(fence)} end
if ARGV[7] then
  redis.call('HSET', KEYS[1], 'tag', ARGV[3], 'body', ARGV[7])
elseif redis.call('HGET', KEYS[1], 'tag') ~= ARGV[3] then
  return {2, 0}
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'head', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[6])
return {0, 0}";

/// Tells the name `ARGV[2]` on the channel `ARGV[1]`.
pub(super) const TELL: &str = "return redis.call('PUBLISH', ARGV[1], ARGV[2])";
