#include "wire/http_body.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

namespace sluice::wire {
namespace {

using BodyStatus = BodyReader::Status;

RequestHead head_with(BodyKind kind, std::uint64_t length = 0) {
  RequestHead head;
  head.body = kind;
  head.length = length;
  return head;
}

struct Outcome {
  BodyStatus status;
  std::size_t taken;
};

Outcome read(const RequestHead& head, std::string_view text, std::size_t step) {
  BodyReader reader;
  reader.begin(head);
  std::size_t taken = 0;
  while (taken < text.size() && reader.status() == BodyStatus::kIncomplete) {
    const auto part = text.substr(taken, step);
    taken += reader.feed(std::as_bytes(std::span(part.data(), part.size())));
  }
  return {reader.status(), taken};
}

/// In every segmentation alike.
void expect_chunks(std::string_view text, BodyStatus status, std::size_t taken) {
  for (std::size_t step = 1; step <= text.size(); ++step) {
    const Outcome outcome = read(head_with(BodyKind::kChunked), text, step);
    EXPECT_EQ(outcome.status, status) << text << " in steps of " << step;
    EXPECT_EQ(status == BodyStatus::kComplete ? outcome.taken : 0U, taken) << text;
  }
}

TEST(BodyReader, HasNothingToDoWithoutABody) {
  BodyReader reader;
  EXPECT_EQ(reader.status(), BodyStatus::kComplete);
  reader.begin(head_with(BodyKind::kNone));
  EXPECT_EQ(reader.status(), BodyStatus::kComplete);
  reader.begin(head_with(BodyKind::kLength, 0));
  EXPECT_EQ(reader.status(), BodyStatus::kComplete);
}

TEST(BodyReader, CountsALength) {
  for (std::size_t step = 1; step < 10; ++step) {
    const Outcome outcome = read(head_with(BodyKind::kLength, 5), "helloGET", step);
    EXPECT_EQ(outcome.status, BodyStatus::kComplete);
    EXPECT_EQ(outcome.taken, 5U);
  }
  EXPECT_EQ(read(head_with(BodyKind::kLength, 9), "hello", 5).status, BodyStatus::kIncomplete);
}

TEST(BodyReader, FindsTheEndOfChunks) {
  expect_chunks("0\r\n\r\nGET", BodyStatus::kComplete, 5);
  expect_chunks("5\r\nhello\r\n0\r\n\r\nGET", BodyStatus::kComplete, 15);
  expect_chunks("00A;name=\"v\"\r\n0123456789\r\n0\r\n\r\nG", BodyStatus::kComplete, 31);
  expect_chunks("1\r\nx\r\n0\r\nTrailer: v\r\nB: c\r\n\r\nG", BodyStatus::kComplete, 29);
  expect_chunks("5\r\nhel", BodyStatus::kIncomplete, 0);
}

TEST(BodyReader, RefusesChunksThatAreAmbiguous) {
  for (const auto* text :
       {"\r\n", " 5\r\nhello\r\n", "-5\r\n", "0x5\r\n", "5\nhello", "5\r\nhelloX",
        "5\r\nhello\n0\r\n\r\n", "5\rX", "g\r\n", "5;a\x01\r\n", "0\r\nA: b\n",
        "0\r\n A: b\r\n\r\n", "0\r\n\rX", "1234567812345678\r\n", "5\r\nhello\rX"}) {
    expect_chunks(text, BodyStatus::kInvalid, 0);
  }
}

TEST(BodyReader, LimitsLinesThatMeanNothing) {
  const auto with_extension = [](std::size_t size) {
    return "1;" + std::string(size, 'x') + "\r\na\r\n0\r\n\r\n";
  };
  const auto chunked = head_with(BodyKind::kChunked);
  EXPECT_EQ(read(chunked, with_extension(BodyReader::kMaxChunkLine), 1000).status,
            BodyStatus::kComplete);
  EXPECT_EQ(read(chunked, with_extension(BodyReader::kMaxChunkLine + 1), 1000).status,
            BodyStatus::kInvalid);
  const std::string trailer = "0\r\nA: " + std::string(BodyReader::kMaxTrailers, 'x') + "\r\n\r\n";
  EXPECT_EQ(read(chunked, trailer, 1000).status, BodyStatus::kInvalid);
}

}  // namespace
}  // namespace sluice::wire
