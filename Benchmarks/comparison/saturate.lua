-- wrk's script of the closed loop: one API call over and over, each with an access token. Driven by environment variables:
--   COMPARE_TOKENS  file with a token a line
--   COMPARE_MODE    one (the first token) | any (one of them at random) | once (each once, in order, then the load ends)
--   COMPARE_PATH    of the operation
--   COMPARE_CLOSE   "1": every request on a connection of its own
--   COMPARE_DONE    for once: a file that is made when the tokens are used up
local ffi = require "ffi"
ffi.cdef[[ typedef struct { long s; long ns; } compare_time; int clock_gettime(int clock, compare_time *time); ]]
local time = ffi.new("compare_time")
local function clock()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.s) + tonumber(time.ns) / 1e9
end

local mode, path = os.getenv("COMPARE_MODE"), os.getenv("COMPARE_PATH")
local close = os.getenv("COMPARE_CLOSE") == "1" and "Connection: close\r\n" or ""

local function format(token)
  return "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
    .. "x-correlator: b4333c46-49c0-4f62-80d7-f0ef930f1c46\r\n" .. close .. "Content-Length: 2\r\nAuthorization: Bearer " .. token
    .. "\r\n\r\n{}"
end

local thread
function setup(made) thread = made end

local requests, count, sent = {}, 0, 0
first, last = 0, 0
function init()
  for token in io.lines(os.getenv("COMPARE_TOKENS")) do
    count = count + 1
    requests[count] = format(token)
    if mode == "one" then break end
  end
  -- The requests stay; collecting garbage among them would be a pause in the load.
  collectgarbage(); collectgarbage("stop")
  math.randomseed(42)
end

if mode == "once" then
  function request()
    sent = sent + 1
    if sent == 1 then first = clock() end
    if sent == count then
      last = clock()
      wrk.thread:stop()
      io.open(os.getenv("COMPARE_DONE"), "w"):close()
    end
    return requests[sent <= count and sent or count]
  end
elseif mode == "any" then
  function request() return requests[math.random(count)] end
else
  function request() return requests[1] end
end

function done(summary, latency)
  local seconds = summary.duration / 1e6
  if mode == "once" and thread:get("last") > 0 then seconds = thread:get("last") - thread:get("first") end
  local errors = summary.errors
  io.write(string.format('RESULT {"calls":%d,"seconds":%.4f,"bytes":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d,"p999":%d}\n',
    summary.requests, seconds, summary.bytes, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
