#include "COpenSSL.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/socket.h>

size_t passerelle_bio_data(void *bio, const unsigned char **bytes) {
  char *data = NULL;
  long count = BIO_get_mem_data((BIO *)bio, &data);
  *bytes = (const unsigned char *)data;
  return count < 0 ? 0 : (size_t)count;
}

int passerelle_public_key_selection(void) { return EVP_PKEY_PUBLIC_KEY; }

int passerelle_tls_set_versions(struct ssl_ctx_st *context, int minimum, int maximum) {
  return SSL_CTX_set_min_proto_version(context, minimum) == 1 && SSL_CTX_set_max_proto_version(context, maximum) == 1;
}

void passerelle_tls_set_modes(struct ssl_ctx_st *context) {
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(context, 1);
}

int passerelle_tls_set_server_name(struct ssl_st *session, const char *name) {
  return SSL_set_tlsext_host_name(session, name) == 1;
}

static int socket_of(BIO *bio) { return (int)(intptr_t)BIO_get_data(bio); }

static int socket_would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

static int socket_write(BIO *bio, const char *bytes, int count) {
  ssize_t sent;
  BIO_clear_retry_flags(bio);
  do {
    sent = send(socket_of(bio), bytes, (size_t)count, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && socket_would_block()) BIO_set_retry_write(bio);
  return (int)sent;
}

static int socket_read(BIO *bio, char *bytes, int count) {
  ssize_t came;
  BIO_clear_retry_flags(bio);
  do {
    came = recv(socket_of(bio), bytes, (size_t)count, 0);
  } while (came < 0 && errno == EINTR);
  if (came < 0 && socket_would_block()) BIO_set_retry_read(bio);
  if (came == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return (int)came;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  switch (command) {
  case BIO_CTRL_FLUSH: return 1;
  // By this OpenSSL tells an end without close_notify from a broken socket.
  case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  default: return 0;
  }
}

static BIO_METHOD *socket_method;
static CRYPTO_ONCE socket_method_once = CRYPTO_ONCE_STATIC_INIT;

static void make_socket_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "passerelle socket");
  if (method == NULL) return;
  BIO_meth_set_write(method, socket_write);
  BIO_meth_set_read(method, socket_read);
  BIO_meth_set_ctrl(method, socket_control);
  socket_method = method;
}

struct bio_st *passerelle_socket_bio(int descriptor) {
  if (!CRYPTO_THREAD_run_once(&socket_method_once, make_socket_method) || socket_method == NULL) return NULL;
  BIO *bio = BIO_new(socket_method);
  if (bio == NULL) return NULL;
  BIO_set_data(bio, (void *)(intptr_t)descriptor);
  BIO_set_init(bio, 1);
  return bio;
}
