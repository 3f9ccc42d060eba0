import { createHash } from 'node:crypto';

/** What runs inside Redis, atomically. Needs Redis 5 or later: TIME before a write. */
export interface Script {
  readonly lua: string;
  /** For EVALSHA: the text goes over once, not each time. */
  readonly sha: string;
}

/** Every key of ours in Redis begins so. Keys of one script lie in several slots: no Redis Cluster. */
export const KEY_PREFIX = 'smppgate:';

/** The token bucket of a bind or an account. */
export function rateKey(of: 'bind' | 'account', id: number): string {
  return `${KEY_PREFIX}rate:${of}:${id}`;
}

/** Hash of a system_id: node -> its sessions. */
export function placesKey(systemId: string): string {
  return `${KEY_PREFIX}binds:${systemId}`;
}

/** There while the node lives: an entry of a node without it does not count. */
export function nodeKeyOf(node: string): string {
  return `${KEY_PREFIX}node:${node}`;
}

/**
 * Takes tokens from buckets, as many of those wanted as are there; a negative number gives tokens back.
 * KEYS: buckets. ARGV: time in ms (negative: Redis' own), then for each bucket rate a second, burst, wanted.
 * Answers for each bucket: given, thousandths left. A bucket that is full again expires: a missing one is full.
 */
export const GRANT: Script = script(`
local now = tonumber(ARGV[1])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end
local answer = {}
for i = 1, #KEYS do
  local rate = tonumber(ARGV[3 * i - 1])
  local burst = tonumber(ARGV[3 * i])
  local wanted = tonumber(ARGV[3 * i + 1])
  local tokens = burst
  local saved = redis.call('GET', KEYS[i])
  if saved then
    local held, at = string.match(saved, '^(%S+) (%S+)$')
    tokens = math.min(burst, tonumber(held) + math.max(0, now - tonumber(at)) * rate / 1000)
  end
  local given = math.min(wanted, math.max(0, math.floor(tokens + 1e-6)))
  tokens = math.min(burst, tokens - given)
  local fullInMs = math.ceil((burst - tokens) * 1000 / rate)
  if fullInMs > 0 then
    redis.call('SET', KEYS[i], string.format('%.6f %.3f', tokens, now), 'PX', fullInMs + 1000)
  elseif saved then
    redis.call('DEL', KEYS[i])
  end
  answer[2 * i - 1] = given
  answer[2 * i] = math.floor(tokens * 1000)
end
return answer
`);

/**
 * For each system_id: opens as many of the wanted sessions as fit beside those of all living nodes, and writes
 * what this node then has; wanted 0 only writes it. Entries of dead nodes are removed.
 * KEYS: hashes of system_ids. ARGV: node, ms that a hash is kept, then for each its sessions, wanted, most.
 * Answers how many were opened of each.
 */
export const OPEN_PLACES: Script = script(`
local alive = {[ARGV[1]] = true}
local answer = {}
for i, key in ipairs(KEYS) do
  local others = 0
  local entries = redis.call('HGETALL', key)
  for e = 1, #entries, 2 do
    local node = entries[e]
    if alive[node] == nil then
      alive[node] = redis.call('EXISTS', '${KEY_PREFIX}node:' .. node) == 1
    end
    if not alive[node] then
      redis.call('HDEL', key, node)
    elseif node ~= ARGV[1] then
      others = others + tonumber(entries[e + 1])
    end
  end
  local own = tonumber(ARGV[3 * i])
  local most = tonumber(ARGV[3 * i + 2])
  local given = math.max(0, math.min(tonumber(ARGV[3 * i + 1]), most - others - own))
  if own + given > 0 then
    redis.call('HSET', key, ARGV[1], own + given)
    redis.call('PEXPIRE', key, ARGV[2])
  else
    redis.call('HDEL', key, ARGV[1])
  end
  answer[i] = given
end
return answer
`);

/** Says that the node lives. KEYS: its key. ARGV: ms until it counts as dead. Answers 1 if it was known. */
export const BEAT: Script = script(`
local known = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return known
`);

/** The node ends: its entries no longer count. KEYS: its key. */
export const GONE: Script = script(`return redis.call('DEL', KEYS[1])`);

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
