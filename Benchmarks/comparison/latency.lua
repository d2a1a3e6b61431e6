-- Latency without what a closed loop at its limit hides. wrk only lends its LuaJIT: all happens in init, and wrk never sends anything.
--   COMPARE_PORT, COMPARE_CONNECTIONS, COMPARE_SECONDS, COMPARE_TOKENS, COMPARE_PATH
--   COMPARE_RATE  calls per second; 0: each connection sends its next call when it has its answer
--
-- With a rate, calls come at random times (Poisson) that do not wait for answers, and go to the connections in turn. A call that finds
-- all connections taken waits for one. Latency counts from the moment when the call came, so a proxy that stalls pays for all that came.
local ffi = require "ffi"
ffi.cdef[[
typedef struct { long s; long ns; } compare_time;
typedef struct { uint16_t family; uint16_t port; uint32_t address; char zero[8]; } compare_address;
int clock_gettime(int clock, compare_time *time);
int socket(int domain, int type, int protocol);
int connect(int fd, const compare_address *address, uint32_t length);
int setsockopt(int fd, int level, int name, const void *value, uint32_t length);
long send(int fd, const void *buffer, size_t length, int flags);
long recv(int fd, void *buffer, size_t length, int flags);
int epoll_create1(int flags);
int epoll_pwait2(int epoll, void *events, int count, const compare_time *timeout, const void *mask);
int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
]]
-- The kernel's layout of an event is packed on x86-64 alone.
if ffi.arch == "x64" then
  ffi.cdef "typedef struct __attribute__((packed)) { uint32_t events; int32_t fd; int32_t zero; } compare_event;"
else
  ffi.cdef "typedef struct { uint32_t events; int32_t unused; int32_t fd; int32_t zero; } compare_event;"
end
ffi.cdef "int epoll_ctl(int epoll, int operation, int fd, compare_event *event);"
local C = ffi.C

local now_time = ffi.new("compare_time")
local function clock()
  C.clock_gettime(1, now_time)
  return tonumber(now_time.s) * 1e6 + tonumber(now_time.ns) / 1e3  -- microseconds
end

local function fail(what)
  io.write("FAILED " .. what .. "\n")
  io.flush()
  os.exit(1)
end

local function connect(port)
  local fd = C.socket(2, 1, 0)
  local one = ffi.new("int[1]", 1)
  C.setsockopt(fd, 6, 1, one, 4)  -- TCP_NODELAY
  local address = ffi.new("compare_address", { family = 2 })
  address.port = bit.bor(bit.lshift(bit.band(port, 255), 8), bit.rshift(port, 8))
  ffi.copy(ffi.cast("char *", address) + 4, "\127\0\0\1", 4)
  if C.connect(fd, address, 16) ~= 0 then fail("no connection") end
  return fd
end

-- First in, first out.
local function queue() return { first = 1, last = 0 } end
local function push(q, value)
  q.last = q.last + 1
  q[q.last] = value
end
local function pop(q)
  local value = q[q.first]
  q[q.first], q.first = nil, q.first + 1
  return value
end
local function is_empty(q) return q.first > q.last end

-- Bytes of the whole answer, and whether it is a 200; from its first bytes.
local function answer(text)
  local _, head = text:find("\r\n\r\n", 1, true)
  local body = head and text:match("\r\n[Cc]ontent%-[Ll]ength: (%d+)\r\n")
  if not body then fail("an answer without its length: " .. text) end
  return head + tonumber(body), text:sub(1, 12) == "HTTP/1.1 200"
end

local function percentile(sorted, p) return sorted[math.max(1, math.ceil(#sorted * p))] end

local function report(latencies, seconds, bad)
  table.sort(latencies)
  local quantiles = {}
  for i = 1, 1000 do quantiles[i] = string.format("%.1f", percentile(latencies, (i - 0.5) / 1000)) end
  io.write(string.format('RESULT {"calls":%d,"seconds":%.4f,"refused":%d,"broken":0,"p50":%.1f,"p99":%.1f,"p999":%.1f,"quantiles":[%s]}\n',
    #latencies, seconds, bad, percentile(latencies, 0.5), percentile(latencies, 0.99), percentile(latencies, 0.999),
    table.concat(quantiles, ",")))
  io.flush()
  os.exit(0)
end

function init()
  local number = function(name) return tonumber(os.getenv("COMPARE_" .. name)) end
  local rate = number("RATE") / 1e6
  local text = "POST " .. os.getenv("COMPARE_PATH") .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    .. "Accept: application/json\r\nx-correlator: b4333c46-49c0-4f62-80d7-f0ef930f1c46\r\nContent-Length: 2\r\nAuthorization: Bearer "
    .. io.open(os.getenv("COMPARE_TOKENS")):read("*l") .. "\r\n\r\n{}"
  local request, size = ffi.new("char[?]", #text, text), #text

  C.prctl(29, 1, 0, 0, 0)  -- PR_SET_TIMERSLACK: wake when asked to, not up to 50 microseconds later
  local epoll, event, events = C.epoll_create1(0), ffi.new("compare_event"), ffi.new("compare_event[256]")
  local idle, came, missing = queue(), {}, {}
  for _ = 1, number("CONNECTIONS") do
    local fd = connect(number("PORT"))
    event.events, event.fd = 1, fd
    C.epoll_ctl(epoll, 1, fd, event)
    push(idle, fd)
  end

  local waiting, latencies, bad, busy = queue(), {}, 0, 0
  local buffer, timeout = ffi.new("char[65536]"), ffi.new("compare_time")
  math.randomseed(42)
  local begun = clock()
  local ends, arrival = begun + number("SECONDS") * 1e6, begun
  local function send(fd, at)
    came[fd], missing[fd], busy = at, nil, busy + 1
    if C.send(fd, request, size, 0x4000) ~= size then fail("a call could not be sent") end
  end

  local now = begun
  if rate == 0 then
    while not is_empty(idle) do send(pop(idle), clock()) end
  end
  while true do
    if rate > 0 then
      while arrival <= now and arrival < ends do
        push(waiting, arrival)
        arrival = arrival - math.log(1 - math.random()) / rate
      end
      while not is_empty(waiting) and not is_empty(idle) do send(pop(idle), pop(waiting)) end
    end
    -- Asked of the calls, not of the time: the last one may be answered before the time is over.
    if busy == 0 and is_empty(waiting) and (rate == 0 or arrival >= ends) then break end
    local pause = 5e6
    if rate > 0 and arrival < ends then pause = math.max(0, arrival - clock()) end
    timeout.s, timeout.ns = math.floor(pause / 1e6), math.floor(pause % 1e6 * 1e3)
    local ready = C.epoll_pwait2(epoll, events, 256, timeout, nil)
    if ready < 0 then fail("epoll_pwait2 (it wants Linux 5.11)") end
    now = clock()
    if ready == 0 and pause == 5e6 and busy > 0 then fail("no answer within 5 s") end
    for i = 0, ready - 1 do
      local fd = events[i].fd
      local got = tonumber(C.recv(fd, buffer, 65536, 0x40))
      if got <= 0 then fail("the proxy closed a connection") end
      if not missing[fd] then
        local good
        missing[fd], good = answer(ffi.string(buffer, got))
        if not good then bad = bad + 1 end
      end
      missing[fd] = missing[fd] - got
      if missing[fd] <= 0 then
        now = clock()
        latencies[#latencies + 1], busy = now - came[fd], busy - 1
        if rate == 0 and now < ends then send(fd, now) else push(idle, fd) end
      end
    end
  end
  report(latencies, (now - begun) / 1e6, bad)
end
