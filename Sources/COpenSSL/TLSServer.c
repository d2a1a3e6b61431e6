#define _GNU_SOURCE
#include "COpenSSL.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

void passerelle_tls_set_server_modes(struct ssl_ctx_st *context) {
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_security_level(context, 2);
  // RFC 8446 §8: early data can be replayed; none is offered and none is taken.
  SSL_CTX_set_max_early_data(context, 0);
}

int passerelle_tls_set_groups(struct ssl_ctx_st *context, const char *groups) {
  return SSL_CTX_set1_groups_list(context, groups) == 1;
}

void passerelle_tls_refuse_tickets(struct ssl_ctx_st *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
}

int passerelle_tls_add_chain(struct ssl_ctx_st *context, struct x509_st *certificate) {
  return SSL_CTX_add1_chain_cert(context, certificate) == 1;
}

// The first place of a context's extra data is the application's own.
static struct passerelle_tls_hooks *hooks_of(SSL *session) { return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), 0); }

// MARK: What the client asks for

static int choose_context(SSL *session, int *alert, void *pointer) {
  struct passerelle_tls_hooks *hooks = pointer;
  const char *name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  (void)alert;
  if (name == NULL) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX *context = hooks->context_for_name(hooks->owner, name, strlen(name));
  // A name that no certificate is for gets the first certificate: the client judges it.
  if (context == NULL) return SSL_TLSEXT_ERR_NOACK;
  if (context != SSL_get_SSL_CTX(session) && SSL_set_SSL_CTX(session, context) == NULL) return SSL_TLSEXT_ERR_ALERT_FATAL;
  return SSL_TLSEXT_ERR_OK;
}

static int choose_protocol(
    SSL *session, const unsigned char **chosen, unsigned char *chosen_count, const unsigned char *offered, unsigned count,
    void *pointer) {
  static const unsigned char ours[] = "\x08http/1.1";
  (void)session;
  (void)pointer;
  unsigned char *match = NULL;
  // RFC 7301 §3.2: without a protocol in common the connection ends.
  if (SSL_select_next_proto(&match, chosen_count, ours, sizeof ours - 1, offered, count) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

// MARK: Session tickets

enum { name_count = 16, cipher_key_count = 32, mac_key_count = 32 };

static int use_ticket_key(unsigned char *key, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts) {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key + name_count + cipher_key_count, mac_key_count),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
         EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key + name_count, iv, encrypts) == 1;
}

static int ticket_key(
    SSL *session, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts) {
  struct passerelle_tls_hooks *hooks = hooks_of(session);
  unsigned char key[name_count + cipher_key_count + mac_key_count];
  int result = 0;
  if (encrypts) {
    if (hooks->new_ticket_key(hooks->owner, key) && RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1) {
      memcpy(name, key, name_count);
      result = use_ticket_key(key, iv, cipher, mac, 1) ? 1 : -1;
    }
  } else {
    result = hooks->known_ticket_key(hooks->owner, name, key);
    if (result != 0 && !use_ticket_key(key, iv, cipher, mac, 0)) result = -1;
    // RFC 8446 §C.4: a ticket is for one use, or connections can be told to be of one client. So each resumption gives a new one.
    if (result == 1 && SSL_version(session) >= TLS1_3_VERSION) result = 2;
  }
  OPENSSL_cleanse(key, sizeof key);
  return result;
}

// MARK: Stapled OCSP responses

struct staple {
  int64_t expires;
  size_t count;
  unsigned char bytes[];
};

static void free_staple(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument) {
  (void)parent, (void)data, (void)index, (void)number, (void)argument;
  OPENSSL_free(pointer);
}

static int staple_index = -1;
static CRYPTO_ONCE staple_once = CRYPTO_ONCE_STATIC_INIT;

static void make_staple_index(void) { staple_index = X509_get_ex_new_index(0, NULL, NULL, NULL, free_staple); }

int passerelle_staple(struct x509_st *certificate, const unsigned char *bytes, size_t count, int64_t expires) {
  if (!CRYPTO_THREAD_run_once(&staple_once, make_staple_index) || staple_index < 0) return 0;
  struct staple *staple = OPENSSL_malloc(sizeof *staple + count);
  if (staple == NULL) return 0;
  staple->expires = expires;
  staple->count = count;
  memcpy(staple->bytes, bytes, count);
  if (X509_set_ex_data(certificate, staple_index, staple) == 1) return 1;
  OPENSSL_free(staple);
  return 0;
}

static int send_staple(SSL *session, void *pointer) {
  (void)pointer;
  X509 *certificate = SSL_get_certificate(session);
  if (certificate == NULL || staple_index < 0) return SSL_TLSEXT_ERR_NOACK;
  struct staple *staple = X509_get_ex_data(certificate, staple_index);
  if (staple == NULL || time(NULL) >= staple->expires) return SSL_TLSEXT_ERR_NOACK;
  // The session takes it over and frees it.
  unsigned char *copy = OPENSSL_memdup(staple->bytes, staple->count);
  if (copy == NULL) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_set_tlsext_status_ocsp_resp(session, copy, (long)staple->count) == 1) return SSL_TLSEXT_ERR_OK;
  OPENSSL_free(copy);
  return SSL_TLSEXT_ERR_NOACK;
}

void passerelle_tls_set_hooks(struct ssl_ctx_st *context, struct passerelle_tls_hooks *hooks) {
  SSL_CTX_set_ex_data(context, 0, hooks);
  SSL_CTX_set_tlsext_servername_callback(context, choose_context);
  SSL_CTX_set_tlsext_servername_arg(context, hooks);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key);
  SSL_CTX_set_tlsext_status_cb(context, send_staple);
}
