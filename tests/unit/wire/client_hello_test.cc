#include "wire/client_hello.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/tls_record.h"

namespace sluice::wire {
namespace {

using Bytes = std::vector<std::byte>;
using HelloStatus = ClientHelloReader::Status;

Bytes to_bytes(std::string_view text) {
  Bytes out;
  for (const char each : text) out.push_back(static_cast<std::byte>(each));
  return out;
}

Bytes number(std::size_t value, std::size_t bytes) {
  Bytes out;
  for (; bytes > 0; --bytes) out.push_back(static_cast<std::byte>(value >> (8 * (bytes - 1))));
  return out;
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// With its length, a number of so many bytes, before it.
Bytes vector_of(const Bytes& content, std::size_t length_bytes) {
  return number(content.size(), length_bytes) + content;
}

Bytes extension(std::size_t type, const Bytes& value) {
  return number(type, 2) + vector_of(value, 2);
}

Bytes name_entry(const Bytes& name, std::size_t type = 0) {
  return number(type, 1) + vector_of(name, 2);
}

Bytes sni(std::string_view name) {
  return extension(0, vector_of(name_entry(to_bytes(name)), 2));
}

/// The extensions of a browser that come before the name.
Bytes usual() {
  return extension(0x2a2a, {}) + extension(43, to_bytes("\x02\x03\x04")) + extension(23, {});
}

struct Hello {
  Bytes version = number(0x0303, 2);
  Bytes random = Bytes(32, std::byte{7});
  Bytes session_id = Bytes(32, std::byte{9});
  Bytes ciphers = number(0x1301c02f, 4);
  Bytes compressions = number(0, 1);
  Bytes extensions = usual();
};

Bytes body_of(const Hello& hello) {
  return hello.version + hello.random + vector_of(hello.session_id, 1) +
         vector_of(hello.ciphers, 2) + vector_of(hello.compressions, 1);
}

Bytes message_of(const Bytes& body) {
  return number(1, 1) + vector_of(body, 3);
}

Bytes message_of(const Hello& hello) {
  return message_of(body_of(hello) + vector_of(hello.extensions, 2));
}

/// In records that carry at most so many bytes each.
Bytes records_of(const Bytes& message, std::size_t most = kMaxPlaintext) {
  Bytes out;
  for (std::size_t place = 0; place < message.size(); place += most) {
    const auto end = std::min(place + most, message.size());
    const Bytes part(message.begin() + static_cast<std::ptrdiff_t>(place),
                     message.begin() + static_cast<std::ptrdiff_t>(end));
    out = std::move(out) + number(22, 1) + number(0x0301, 2) + vector_of(part, 2);
  }
  return out;
}

Bytes hello_for(std::string_view name) {
  return records_of(message_of(Hello{.extensions = usual() + sni(name) + extension(16, {})}));
}

/// Of everything in one piece, having made sure that pieces of one byte come to the same.
ClientHelloReader read(const Bytes& bytes) {
  ClientHelloReader whole;
  whole.feed(bytes);
  ClientHelloReader slow;
  for (const std::byte each : bytes) slow.feed({&each, 1});
  EXPECT_EQ(slow.status(), whole.status());
  EXPECT_EQ(slow.server_name(), whole.server_name());
  EXPECT_EQ(slow.problem(), whole.problem());
  return whole;
}

void expect_name(const Bytes& bytes, std::string_view name) {
  const ClientHelloReader reader = read(bytes);
  EXPECT_EQ(reader.status(), HelloStatus::kComplete) << reader.problem();
  EXPECT_EQ(reader.server_name(), name);
}

void expect_other(const Bytes& bytes, std::string_view problem) {
  const ClientHelloReader reader = read(bytes);
  EXPECT_EQ(reader.status(), HelloStatus::kOther);
  EXPECT_EQ(reader.problem(), problem);
  EXPECT_EQ(reader.server_name(), "");
}

void expect_malformed(const Hello& hello) {
  expect_other(records_of(message_of(hello)), "its ClientHello is malformed");
}

void expect_malformed_name(const Bytes& value) {
  expect_malformed({.extensions = extension(0, value)});
}

// --- Hellos ---

TEST(ClientHello, TellsTheName) {
  expect_name(hello_for("Shop.Example.com"), "Shop.Example.com");
}

TEST(ClientHello, WithoutAName) {
  expect_name(records_of(message_of(Hello{})), "");
}

TEST(ClientHello, WithoutExtensions) {
  expect_name(records_of(message_of(body_of({}))), "");
}

TEST(ClientHello, IsIncompleteUntilItsLastByte) {
  const Bytes bytes = hello_for("shop.example.com");
  for (std::size_t count = 0; count < bytes.size(); ++count) {
    ClientHelloReader reader;
    EXPECT_EQ(reader.feed(std::span(bytes).first(count)), HelloStatus::kIncomplete) << count;
  }
}

TEST(ClientHello, WhatComesBehindItDoesNotMatter) {
  expect_name(hello_for("shop.example.com") + to_bytes("early data"), "shop.example.com");
}

TEST(ClientHello, InRecordsOfAnySize) {
  const Bytes message = message_of(Hello{.extensions = usual() + sni("shop.example.com")});
  for (std::size_t most = 1; most < message.size(); ++most) {
    ClientHelloReader reader;
    EXPECT_EQ(reader.feed(records_of(message, most)), HelloStatus::kComplete) << most;
    EXPECT_EQ(reader.server_name(), "shop.example.com");
  }
}

TEST(ClientHello, ALargeKeyShareBeforeTheName) {
  const Bytes share = extension(51, Bytes(3000, std::byte{5}));
  expect_name(records_of(message_of(Hello{.extensions = share + sni("pq.example.com")})),
              "pq.example.com");
}

TEST(ClientHello, EncryptedOnesHaveTheirOuterName) {
  const Bytes encrypted = extension(0xfe0d, Bytes(300, std::byte{1}));
  expect_name(records_of(message_of(Hello{.extensions = encrypted + sni("public.example.com")})),
              "public.example.com");
}

// --- Limits ---

Bytes hello_of_size(std::size_t size) {
  const std::size_t without = body_of({}).size() + 2 + sni("shop.example.com").size() + 4;
  const Bytes padding = extension(21, Bytes(size - without));
  return message_of(Hello{.extensions = padding + sni("shop.example.com")});
}

TEST(ClientHello, MayBeSixteenKibibytesLong) {
  const Bytes longest = hello_of_size(kMaxHello);
  EXPECT_EQ(longest.size(), kMaxHello + 4);
  expect_name(records_of(longest), "shop.example.com");
  expect_other(records_of(hello_of_size(kMaxHello + 1)), "its ClientHello is too long");
}

TEST(ClientHello, MayNotHideInTinyRecords) {
  const Bytes many = records_of(hello_of_size(kMaxHello), 2);
  expect_other(many, "its ClientHello is too long");
}

// --- Something else ---

TEST(ClientHello, OtherProtocolsAreKnownByTheirFirstBytes) {
  for (const std::string_view text : {"GET / HTTP/1.1", "SSH-2.0-x", "\x80\x2e\x01\x03\x01",
                                      "\x15\x03\x01", "\x16\x02", "\x16G"}) {
    expect_other(to_bytes(text), "");
  }
}

TEST(ClientHello, AnotherHandshakeMessage) {
  const Bytes message = number(2, 1) + vector_of(Bytes(40), 3);
  expect_other(records_of(message), "its first message is not a ClientHello");
}

TEST(ClientHello, RecordsOfAWrongLength) {
  expect_other(to_bytes("\x16\x03\x01") + number(0, 2), "its TLS record has a wrong length");
  expect_other(to_bytes("\x16\x03\x01") + number(kMaxPlaintext + 1, 2),
               "its TLS record has a wrong length");
}

TEST(ClientHello, AnotherRecordInBetween) {
  Bytes bytes = records_of(message_of(Hello{}), 20);
  bytes[25] = std::byte{21};
  expect_other(bytes, "its ClientHello is interrupted by another record");
}

// --- Broken hellos ---

TEST(ClientHello, BrokenFields) {
  expect_malformed({.version = number(0x0203, 2)});
  expect_malformed({.session_id = Bytes(33)});
  expect_malformed({.ciphers = {}});
  expect_malformed({.ciphers = Bytes(3)});
  expect_malformed({.compressions = {}});
  expect_malformed({.random = Bytes(31)});
}

TEST(ClientHello, BrokenExtensions) {
  expect_malformed({.extensions = number(0, 3)});
  expect_malformed({.extensions = number(10, 2) + number(4, 2) + Bytes(3)});
  expect_malformed({.extensions = sni("a.example.com") + sni("b.example.com")});
  const Bytes with_rest = body_of({}) + vector_of(usual(), 2) + Bytes(1);
  expect_other(records_of(message_of(with_rest)), "its ClientHello is malformed");
}

TEST(ClientHello, BrokenNames) {
  const Bytes name = to_bytes("a.example.com");
  expect_malformed_name({});
  expect_malformed_name(vector_of({}, 2));
  expect_malformed_name(vector_of(name_entry({}), 2));
  expect_malformed_name(vector_of(name_entry(name, 1), 2));
  expect_malformed_name(vector_of(name_entry(name) + name_entry(name), 2));
  expect_malformed_name(vector_of(name_entry(name), 2) + Bytes(1));
  expect_malformed_name(vector_of(name_entry(Bytes(256, std::byte{'a'})), 2));
  for (const std::string_view bad : {std::string_view("a\0.example.com", 14),
                                     std::string_view("a b"), std::string_view("b\xc3\xbc.de")}) {
    expect_malformed_name(vector_of(name_entry(to_bytes(bad)), 2));
  }
}

}  // namespace
}  // namespace sluice::wire
