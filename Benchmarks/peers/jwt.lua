-- The check of access tokens in the nginx-jwt peer: ES256 signature, kid, exp, nbf, iss, aud, scope.
local ffi = require "ffi"
local cjson = require "cjson.safe"
local b64 = require "ngx.base64"
local lrucache = require "resty.lrucache"
ffi.cdef[[
typedef struct evp_pkey_st EVP_PKEY; typedef struct evp_md_ctx_st EVP_MD_CTX; typedef struct evp_md_st EVP_MD;
typedef struct bio_st BIO;
BIO *BIO_new_mem_buf(const void *buf, int len); int BIO_free(BIO *a);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bp, void **x, void *cb, void *u);
EVP_MD_CTX *EVP_MD_CTX_new(void); int EVP_MD_CTX_reset(EVP_MD_CTX *ctx);
EVP_MD *EVP_MD_fetch(void *ctx, const char *algorithm, const char *properties);
int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, void **pctx, const EVP_MD *type, void *e, EVP_PKEY *pkey);
int EVP_DigestVerify(EVP_MD_CTX *ctx, const char *sig, size_t siglen, const char *tbs, size_t tbslen);
]]
local C = ffi.C
if not pcall(function() return C.EVP_MD_CTX_new end) then C = ffi.load("libcrypto.so.3") end
local _M, settings, key, digest, context, remembered = {}, nil, nil, nil, nil, nil

function _M.setup(given)
  settings = given
  local f = assert(io.open(given.key, "rb")); local pem = f:read("*a"); f:close()
  local bio = C.BIO_new_mem_buf(pem, #pem)
  key = C.PEM_read_bio_PUBKEY(bio, nil, nil, nil); C.BIO_free(bio)
  assert(key ~= nil, "bad key " .. given.key)
  digest = C.EVP_MD_fetch(nil, "SHA256", nil); context = C.EVP_MD_CTX_new()
  remembered = lrucache.new(given.remembered)
end

local byte, char, sub = string.byte, string.char, string.sub
local function integer(s)  -- 32 raw bytes to a DER INTEGER
  local i = 1
  while i < #s and byte(s, i) == 0 do i = i + 1 end
  s = sub(s, i)
  if byte(s, 1) >= 128 then s = "\0" .. s end
  return "\2" .. char(#s) .. s
end

local function verify(token)
  local h, p, s = string.match(token, "^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
  if not h then return nil end
  local head = cjson.decode(b64.decode_base64url(h) or "")
  if type(head) ~= "table" or head.kid ~= settings.kid or head.alg ~= "ES256" or head.crit then return nil end
  local sig = b64.decode_base64url(s)
  if not sig or #sig ~= 64 then return nil end
  local der = integer(sub(sig, 1, 32)) .. integer(sub(sig, 33))
  sig = "\48" .. char(#der) .. der
  C.EVP_MD_CTX_reset(context)
  if C.EVP_DigestVerifyInit(context, nil, digest, nil, key) ~= 1 then return nil end
  if C.EVP_DigestVerify(context, sig, #sig, token, #h + 1 + #p) ~= 1 then return nil end
  local c = cjson.decode(b64.decode_base64url(p) or "")
  if type(c) ~= "table" or c.iss ~= settings.iss or type(c.exp) ~= "number" then return nil end
  local ok = c.aud == settings.aud
  if type(c.aud) == "table" then for _, a in ipairs(c.aud) do ok = ok or a == settings.aud end end
  if not ok then return nil end
  local scope_ok = type(c.scope) == "string" and string.find(" " .. c.scope .. " ", " " .. settings.scope .. " ", 1, true)
  return { exp = c.exp, nbf = tonumber(c.nbf) or 0, client = tostring(c.client_id or ""), sub = tostring(c.sub or ""),
           jti = tostring(c.jti or ""), scope_ok = scope_ok and true or false }
end

function _M.access()
  local a = ngx.var.http_authorization
  local token = a and string.match(a, "^[Bb]earer (%S+)$")
  local c = token and remembered:get(token)
  if token and not c then
    c = verify(token)
    if c then remembered:set(token, c) end
  end
  local now = ngx.time()
  if not c or c.exp <= now or c.nbf > now then
    ngx.header["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return ngx.exit(401)
  end
  if not c.scope_ok then return ngx.exit(403) end
  local v = ngx.var
  v.client_id, v.sub, v.jti = c.client, c.sub, c.jti
end

return _M
