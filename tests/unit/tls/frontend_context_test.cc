#include "tls/frontend_context.h"

#include <gtest/gtest.h>

#include <string>

#include "test_handshake.h"
#include "tls/policy.h"

namespace sluice::tls {
namespace {

using Status = Handshake::Status;

/// A client as a browser would be, with knobs.
struct Client {
  explicit Client(std::string name_in) : name(std::move(name_in)) {
    context = std::move(*make_context(TLS_client_method(), TlsVersion::kTls12));
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
  }

  Ssl make_ssl() const {
    Ssl ssl(SSL_new(context.get()));
    SSL_set_connect_state(ssl.get());
    if (!name.empty()) {
      SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(name.c_str()));
    }
    return ssl;
  }
  void use_version(int version) {
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
  }
  void offer(const std::vector<std::string>& protocols) {
    const std::string wire = encode_protocols(protocols);
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  }
  void present(const Pem& pem) {
    const auto key = parse_certified_key("client", pem.certificate, pem.key);
    SSL_CTX_use_certificate(context.get(), key->leaf.get());
    SSL_CTX_use_PrivateKey(context.get(), key->key.get());
  }

  std::string name;
  SslContext context;
};

/// What came of one connection. The client is OpenSSL as it is, so that it reads tickets and keeps
/// its session.
struct Meeting {
  Handshake server;
  bool is_client_done = false;
  std::string client_error;
  std::string subject;  ///< of the server's certificate: its first name
  int kind = 0;         ///< of the server's key
  SslSession session;   ///< for the next time

  explicit Meeting(Ssl ssl) : server(std::move(ssl)) {}
};

std::string first_name(X509* certificate) {
  char out[128] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, out, sizeof out);
  return out;
}

SSL_SESSION*& kept_session() {
  static SSL_SESSION* session = nullptr;
  return session;
}

int keep_session(SSL* /*ssl*/, SSL_SESSION* session) {
  SSL_SESSION_free(kept_session());
  kept_session() = session;
  return 1;
}

std::unique_ptr<Meeting> meet(const FrontendContext& frontend, const Client& client,
                              SSL_SESSION* session = nullptr) {
  auto out = std::make_unique<Meeting>(frontend.make_ssl());
  SSL_CTX_sess_set_new_cb(client.context.get(), &keep_session);
  const Ssl ssl = client.make_ssl();
  if (session != nullptr) SSL_set_session(ssl.get(), session);
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const to_server = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), in, to_server);
  for (int round = 0; round < 6; ++round) {
    char nothing[16];
    const bool was_done = SSL_is_init_finished(ssl.get()) == 1;
    const int result =
        was_done ? SSL_read(ssl.get(), nothing, sizeof nothing) : SSL_do_handshake(ssl.get());
    if (SSL_get_error(ssl.get(), result) == SSL_ERROR_SSL)
      out->client_error = take_openssl_reason();
    std::vector<std::byte> bytes(BIO_ctrl_pending(to_server));
    BIO_read(to_server, bytes.data(), static_cast<int>(bytes.size()));
    if (!bytes.empty() && out->server.status() == Status::kWorking) out->server.feed(bytes);
    const auto answer = out->server.output();
    BIO_write(in, answer.data(), static_cast<int>(answer.size()));
    out->server.consume_output(answer.size());
  }
  out->is_client_done = SSL_is_init_finished(ssl.get()) == 1;
  if (X509* const shown = SSL_get0_peer_certificate(ssl.get()); shown != nullptr) {
    out->subject = first_name(shown);
    out->kind = EVP_PKEY_get_base_id(X509_get0_pubkey(shown));
  }
  out->session.reset(std::exchange(kept_session(), nullptr));
  SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return out;
}

class FrontendContextTest : public ::testing::Test {
 protected:
  FrontendContextTest() : keys_(base::Clock::now()) {
    settings().certificates = {};
    frontend_.name = "front";
    files_.add_bundle("clients", authority().certificate());
  }

  FrontendTlsConfig& settings() {
    if (!frontend_.tls) frontend_.tls.emplace();
    return *frontend_.tls;
  }
  void add(const std::string& name, const CertificateWish& wish) {
    files_.add_certificate(name, authority().issue(wish));
    settings().certificates.push_back(name);
  }
  std::unique_ptr<FrontendContext> make() {
    auto made = try_make();
    EXPECT_TRUE(made.has_value()) << made.error().text;
    return std::move(*made);
  }
  Result<std::unique_ptr<FrontendContext>> try_make() {
    const auto store = CertificateStore::load(files_.config);
    EXPECT_TRUE(store.has_value()) << store.error().text;
    return FrontendContext::create(frontend_, *store, keys_);
  }

  TicketKeys keys_;
  TestFiles files_;
  FrontendConfig frontend_;
};

// --- Names ---

TEST_F(FrontendContextTest, TheNameChoosesTheCertificate) {
  add("default", {.names = {"first.test"}});
  add("wild", {.names = {"*.shop.test"}});
  add("exact", {.names = {"www.shop.test"}});
  const auto context = make();
  const auto shown = [&](const std::string& name) { return meet(*context, Client(name))->subject; };
  EXPECT_EQ(shown("www.shop.test"), "www.shop.test");
  EXPECT_EQ(shown("WWW.Shop.test"), "www.shop.test");
  EXPECT_EQ(shown("other.shop.test"), "*.shop.test");
  EXPECT_EQ(shown("a.b.shop.test"), "first.test");
  EXPECT_EQ(shown("unknown.test"), "first.test");
  EXPECT_EQ(shown(""), "first.test");
}

TEST_F(FrontendContextTest, TheServerNameIsRemembered) {
  add("default", {.names = {"first.test"}});
  const auto context = make();
  EXPECT_EQ(meet(*context, Client("some.test"))->server.negotiated().server_name, "some.test");
  EXPECT_EQ(meet(*context, Client(""))->server.negotiated().server_name, "");
}

TEST_F(FrontendContextTest, StrictSniRefusesUnknownNamesAndNone) {
  add("default", {.names = {"first.test"}});
  settings().strict_sni = true;
  const auto context = make();
  EXPECT_TRUE(meet(*context, Client("first.test"))->is_client_done);
  const auto unknown = meet(*context, Client("second.test"));
  EXPECT_EQ(unknown->server.status(), Status::kFailed);
  EXPECT_EQ(unknown->server.reason(), "no certificate for this server name");
  EXPECT_EQ(unknown->client_error, "tlsv1 unrecognized name");
  EXPECT_EQ(meet(*context, Client(""))->client_error, "tlsv1 unrecognized name");
}

TEST_F(FrontendContextTest, RsaAndEcdsaServeOneNameSideBySide) {
  add("ecdsa", {.names = {"a.test"}});
  add("rsa", {.names = {"a.test"}, .kind = KeyKind::kRsa});
  const auto context = make();
  Client modern("a.test");
  EXPECT_EQ(meet(*context, modern)->kind, EVP_PKEY_EC);
  SSL_CTX_set1_sigalgs_list(modern.context.get(), "rsa_pss_rsae_sha256:RSA+SHA256");
  EXPECT_EQ(meet(*context, modern)->kind, EVP_PKEY_RSA);
  modern.use_version(TLS1_2_VERSION);
  EXPECT_EQ(meet(*context, modern)->kind, EVP_PKEY_RSA);
}

TEST_F(FrontendContextTest, AWeakKeyIsRefusedWithItsName) {
  add("weak", {.names = {"a.test"}, .kind = KeyKind::kWeakRsa});
  const auto made = try_make();
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().text,
            "frontend 'front': certificate 'weak' cannot be used: ee key too small");
}

// --- Versions, protocols ---

TEST_F(FrontendContextTest, MinVersion) {
  add("default", {.names = {"a.test"}});
  Client old("a.test");
  old.use_version(TLS1_2_VERSION);
  EXPECT_STREQ(meet(*make(), old)->server.negotiated().version, "TLSv1.2");
  settings().min_version = TlsVersion::kTls13;
  const auto refused = meet(*make(), old);
  EXPECT_EQ(refused->client_error, "tlsv1 alert protocol version");
  EXPECT_STREQ(meet(*make(), Client("a.test"))->server.negotiated().version, "TLSv1.3");
}

TEST_F(FrontendContextTest, AlpnTakesOurFirstCommonOneAndRefusesWithoutAny) {
  add("default", {.names = {"a.test"}});
  settings().alpn = {"two", "one"};
  const auto context = make();
  Client client("a.test");
  EXPECT_EQ(meet(*context, client)->server.negotiated().alpn, "") << "none offered, none chosen";
  client.offer({"zero", "one", "two"});
  EXPECT_EQ(meet(*context, client)->server.negotiated().alpn, "two");
  client.offer({"zero"});
  const auto refused = meet(*context, client);
  EXPECT_EQ(refused->server.reason(), "no application protocol");
  EXPECT_EQ(refused->client_error, "tlsv1 alert no application protocol");
}

TEST_F(FrontendContextTest, HttpFrontendsOfferHttp11ByThemselves) {
  add("default", {.names = {"a.test"}});
  frontend_.protocol = Protocol::kHttp;
  Client client("a.test");
  client.offer({"h2", "http/1.1"});
  EXPECT_EQ(meet(*make(), client)->server.negotiated().alpn, "http/1.1");
}

// --- Client certificates ---

TEST_F(FrontendContextTest, MutualTls) {
  add("default", {.names = {"a.test"}});
  settings().client_ca = "clients";
  const auto required = make();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Client client("a.test");
    client.use_version(version);
    const auto without = meet(*required, client);
    EXPECT_EQ(without->server.failure(), Handshake::Failure::kVerify);
    EXPECT_EQ(without->server.reason(), "no certificate was presented");
    client.present(authority().issue({.names = {"somebody"}}));
    EXPECT_EQ(meet(*required, client)->server.status(), Status::kDone);
    client.present(self_signed({.names = {"somebody"}}));
    const auto wrong = meet(*required, client);
    EXPECT_EQ(wrong->server.failure(), Handshake::Failure::kVerify);
    EXPECT_EQ(wrong->server.reason(), "self-signed certificate");
    client.present(authority().issue({.names = {"somebody"}, .begins = -9, .ends = -1}));
    EXPECT_EQ(meet(*required, client)->server.reason(), "certificate has expired");
  }
}

TEST_F(FrontendContextTest, AnOptionalClientCertificateMayBeMissingButNotWrong) {
  add("default", {.names = {"a.test"}});
  settings().client_ca = "clients";
  settings().client_verify = ClientVerify::kOptional;
  const auto context = make();
  Client client("a.test");
  EXPECT_EQ(meet(*context, client)->server.status(), Status::kDone);
  client.present(self_signed({.names = {"somebody"}}));
  EXPECT_EQ(meet(*context, client)->server.failure(), Handshake::Failure::kVerify);
}

// --- Resumption ---

class Resumption : public FrontendContextTest, public ::testing::WithParamInterface<int> {
 protected:
  Client client(const std::string& name) const {
    Client out(name);
    out.use_version(GetParam());
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Versions, Resumption, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

bool is_resumed(const Meeting& meeting) {
  EXPECT_EQ(meeting.server.status(), Status::kDone) << meeting.server.reason();
  return meeting.server.negotiated().is_resumed;
}

TEST_P(Resumption, OnEveryWorkerAndAfterAReload) {
  add("default", {.names = {"a.test"}});
  const Client one = client("a.test");
  const auto first = meet(*make(), one);
  EXPECT_FALSE(is_resumed(*first));
  ASSERT_NE(first->session, nullptr);
  EXPECT_TRUE(is_resumed(*meet(*make(), one, first->session.get())));
}

TEST_P(Resumption, StatefulForClientsWithoutTickets) {
  if (GetParam() == TLS1_3_VERSION) GTEST_SKIP() << "TLS 1.3 has nothing but tickets";
  add("default", {.names = {"a.test"}});
  const auto context = make();
  const Client one = client("a.test");
  SSL_CTX_set_options(one.context.get(), SSL_OP_NO_TICKET);
  const auto first = meet(*context, one);
  ASSERT_NE(first->session, nullptr);
  const auto second = meet(*context, one, first->session.get());
  EXPECT_TRUE(is_resumed(*second));
  EXPECT_EQ(second->server.negotiated().session_number, first->server.negotiated().session_number);
}

TEST_P(Resumption, CarriesTheSessionsNumberAlong) {
  add("default", {.names = {"a.test"}});
  const Client one = client("a.test");
  const auto first = meet(*make(), one);
  const std::uint64_t number = first->server.negotiated().session_number;
  EXPECT_NE(number, 0U);
  const auto second = meet(*make(), one, first->session.get());
  ASSERT_TRUE(is_resumed(*second));
  EXPECT_EQ(second->server.negotiated().session_number, number);
  EXPECT_NE(meet(*make(), one)->server.negotiated().session_number, number);
}

TEST_P(Resumption, NotWithTheKeysOfAnotherProcess) {
  add("default", {.names = {"a.test"}});
  const Client one = client("a.test");
  const auto first = meet(*make(), one);
  keys_ = TicketKeys(base::Clock::now());
  EXPECT_FALSE(is_resumed(*meet(*make(), one, first->session.get())));
}

TEST_P(Resumption, NotAfterTheCertificateHasChanged) {
  add("default", {.names = {"a.test"}});
  const Client one = client("a.test");
  const auto first = meet(*make(), one);
  settings().certificates.clear();
  add("renewed", {.names = {"a.test"}});
  EXPECT_FALSE(is_resumed(*meet(*make(), one, first->session.get())));
}

TEST_P(Resumption, NotUnderAnotherName) {
  add("default", {.names = {"a.test", "b.test"}});
  const auto context = make();
  const auto first = meet(*context, client("a.test"));
  EXPECT_FALSE(is_resumed(*meet(*context, client("b.test"), first->session.get())));
}

TEST_P(Resumption, NotIntoAStricterPolicyForClientCertificates) {
  add("default", {.names = {"a.test"}});
  const Client one = client("a.test");
  const auto first = meet(*make(), one);
  settings().client_ca = "clients";
  settings().client_verify = ClientVerify::kOptional;
  const auto optional = meet(*make(), one, first->session.get());
  EXPECT_FALSE(is_resumed(*optional));
  settings().client_verify = ClientVerify::kRequired;
  const auto required = meet(*make(), one, optional->session.get());
  EXPECT_EQ(required->server.failure(), Handshake::Failure::kVerify);
}

TEST_P(Resumption, NotAcrossFrontends) {
  add("default", {.names = {"a.test"}});
  const Client one = client("a.test");
  const auto first = meet(*make(), one);
  frontend_.name = "other";
  EXPECT_FALSE(is_resumed(*meet(*make(), one, first->session.get())));
}

TEST_P(Resumption, ATicketIsGoodUnderThePreviousKeysAndGoneUnderLaterOnes) {
  add("default", {.names = {"a.test"}});
  const Client one = client("a.test");
  const base::TimePoint now = base::Clock::now();
  const auto first = meet(*make(), one);
  keys_.advance(now + TicketKeys::kPeriod + std::chrono::minutes(1));
  const auto second = meet(*make(), one, first->session.get());
  EXPECT_TRUE(is_resumed(*second));
  keys_.advance(now + 2 * TicketKeys::kPeriod + std::chrono::minutes(1));
  EXPECT_FALSE(is_resumed(*meet(*make(), one, first->session.get())));
}

}  // namespace
}  // namespace sluice::tls
