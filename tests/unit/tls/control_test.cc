#include "tls/control.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace sluice::tls {
namespace {

using Action = Control::Action;
using wire::Alert;
using wire::RecordType;
using Bytes = std::vector<std::byte>;

constexpr base::TimePoint kNow{std::chrono::seconds(1000)};

Bytes bytes(std::initializer_list<int> values) {
  Bytes made;
  for (const int value : values) made.push_back(static_cast<std::byte>(value));
  return made;
}

Control server13() {
  return {Version::kTls13, Role::kServer};
}
Control client13() {
  return {Version::kTls13, Role::kClient};
}
Control server12() {
  return {Version::kTls12, Role::kServer};
}

void expect_refusal(Control::Decision decision, Alert alert) {
  EXPECT_EQ(decision.action, Action::kRefuse);
  EXPECT_EQ(decision.alert, alert);
}

TEST(Control, CloseNotifyEnds) {
  auto control = server13();
  EXPECT_EQ(control.on_record(RecordType::kAlert, bytes({1, 0}), kNow).action, Action::kEnd);
}

TEST(Control, FatalAlertsAbort) {
  auto control = server13();
  const auto decision = control.on_record(RecordType::kAlert, bytes({2, 20}), kNow);
  EXPECT_EQ(decision.action, Action::kAbort);
  EXPECT_EQ(decision.alert, Alert::kBadRecordMac);
}

TEST(Control, Tls13KnowsNoWarnings) {
  auto control = server13();
  EXPECT_EQ(control.on_record(RecordType::kAlert, bytes({1, 47}), kNow).action, Action::kAbort);
}

TEST(Control, UserCanceledIsIgnoredSometimes) {
  auto control = server13();
  for (std::uint32_t i = 0; i < Control::kMaxWarnings; ++i) {
    EXPECT_EQ(control.on_record(RecordType::kAlert, bytes({1, 90}), kNow).action, Action::kNone);
  }
  expect_refusal(control.on_record(RecordType::kAlert, bytes({1, 90}), kNow),
                 Alert::kUnexpectedMessage);
}

TEST(Control, Tls12WarningsAreIgnoredUpToALimit) {
  auto control = server12();
  for (std::uint32_t i = 0; i < Control::kMaxWarnings; ++i) {
    EXPECT_EQ(control.on_record(RecordType::kAlert, bytes({1, 100}), kNow).action, Action::kNone);
  }
  expect_refusal(control.on_record(RecordType::kAlert, bytes({1, 100}), kNow),
                 Alert::kUnexpectedMessage);
}

TEST(Control, AlertsHaveTwoBytes) {
  auto control = server13();
  expect_refusal(control.on_record(RecordType::kAlert, bytes({1}), kNow), Alert::kDecodeError);
  expect_refusal(control.on_record(RecordType::kAlert, bytes({1, 0, 1, 0}), kNow),
                 Alert::kDecodeError);
}

TEST(Control, EmptyControlRecordsAreRefused) {
  auto control = server13();
  expect_refusal(control.on_record(RecordType::kAlert, {}, kNow), Alert::kUnexpectedMessage);
  expect_refusal(control.on_record(RecordType::kHandshake, {}, kNow), Alert::kUnexpectedMessage);
}

TEST(Control, ChangeCipherSpecIsRefused) {
  auto control = server13();
  expect_refusal(control.on_record(RecordType::kChangeCipherSpec, bytes({1}), kNow),
                 Alert::kUnexpectedMessage);
}

TEST(Control, TheFirstWholeTicketIsGivenOut) {
  auto control = client13();
  const auto record = bytes({4, 0, 0, 2, 7, 8, 4, 0, 0, 1, 9});
  const auto decision = control.on_record(RecordType::kHandshake, record, kNow);
  EXPECT_EQ(decision.action, Action::kNone);
  EXPECT_EQ(Bytes(decision.ticket.begin(), decision.ticket.end()), bytes({4, 0, 0, 2, 7, 8}));
  EXPECT_TRUE(control.is_between_messages());
}

TEST(Control, ATicketInPartsIsPassedOver) {
  auto control = client13();
  EXPECT_TRUE(
      control.on_record(RecordType::kHandshake, bytes({4, 0, 0, 2, 7}), kNow).ticket.empty());
  const auto record = bytes({8, 4, 0, 0, 1, 9});
  const auto decision = control.on_record(RecordType::kHandshake, record, kNow);
  EXPECT_EQ(Bytes(decision.ticket.begin(), decision.ticket.end()), bytes({4, 0, 0, 1, 9}));
}

TEST(Control, KeyUpdateOfBothKinds) {
  auto control = server13();
  EXPECT_EQ(control.on_record(RecordType::kHandshake, bytes({24, 0, 0, 1, 0}), kNow).action,
            Action::kUpdate);
  EXPECT_EQ(control.on_record(RecordType::kHandshake, bytes({24, 0, 0, 1, 1}), kNow).action,
            Action::kUpdateAndAnswer);
}

TEST(Control, KeyUpdateInSeveralRecords) {
  auto control = server13();
  for (const int byte : {24, 0, 0, 1}) {
    EXPECT_EQ(control.on_record(RecordType::kHandshake, bytes({byte}), kNow).action, Action::kNone);
    EXPECT_FALSE(control.is_between_messages());
  }
  EXPECT_EQ(control.on_record(RecordType::kHandshake, bytes({1}), kNow).action,
            Action::kUpdateAndAnswer);
  EXPECT_TRUE(control.is_between_messages());
}

TEST(Control, BytesBehindAKeyUpdateAreRefused) {
  auto control = server13();
  expect_refusal(
      control.on_record(RecordType::kHandshake, bytes({24, 0, 0, 1, 0, 24, 0, 0, 1, 0}), kNow),
      Alert::kUnexpectedMessage);
}

TEST(Control, OtherKeyUpdatesAreRefused) {
  auto control = server13();
  expect_refusal(control.on_record(RecordType::kHandshake, bytes({24, 0, 0, 1, 2}), kNow),
                 Alert::kDecodeError);
  auto other = server13();
  expect_refusal(other.on_record(RecordType::kHandshake, bytes({24, 0, 0, 2, 0, 0}), kNow),
                 Alert::kDecodeError);
}

TEST(Control, AFloodOfKeyUpdatesIsRefused) {
  auto control = server13();
  const auto update = bytes({24, 0, 0, 1, 1});
  for (std::uint32_t i = 0; i < Control::kMaxUpdates; ++i) {
    ASSERT_EQ(control.on_record(RecordType::kHandshake, update, kNow).action,
              Action::kUpdateAndAnswer);
  }
  expect_refusal(control.on_record(RecordType::kHandshake, update, kNow),
                 Alert::kUnexpectedMessage);
}

TEST(Control, KeyUpdatesOverTimeAreFine) {
  auto control = server13();
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(control
                  .on_record(RecordType::kHandshake, bytes({24, 0, 0, 1, 0}),
                             kNow + i * std::chrono::milliseconds(20))
                  .action,
              Action::kUpdate);
  }
}

TEST(Control, TicketsAreIgnoredByClientsEvenInPieces) {
  auto control = client13();
  Bytes two = bytes({4, 0, 0, 3, 9, 9, 9, 4, 0, 0, 2, 9});
  EXPECT_EQ(control.on_record(RecordType::kHandshake, two, kNow).action, Action::kNone);
  EXPECT_FALSE(control.is_between_messages());
  EXPECT_EQ(control.on_record(RecordType::kHandshake, bytes({9, 24, 0, 0, 1, 0}), kNow).action,
            Action::kUpdate);
  EXPECT_TRUE(control.is_between_messages());
}

TEST(Control, TicketsFromClientsAreRefused) {
  auto control = server13();
  expect_refusal(control.on_record(RecordType::kHandshake, bytes({4, 0, 0, 1, 9}), kNow),
                 Alert::kUnexpectedMessage);
}

TEST(Control, OtherHandshakeMessagesAreRefused) {
  for (const int type : {0, 1, 2, 8, 11, 13, 15, 20, 255}) {
    auto server = server13();
    expect_refusal(server.on_record(RecordType::kHandshake, bytes({type, 0, 0, 1, 0}), kNow),
                   Alert::kUnexpectedMessage);
    auto client = client13();
    expect_refusal(client.on_record(RecordType::kHandshake, bytes({type, 0, 0, 1, 0}), kNow),
                   Alert::kUnexpectedMessage);
  }
}

TEST(Control, RenegotiationIsDeclinedWithAWarning) {
  auto server = server12();
  for (std::uint32_t i = 0; i < Control::kMaxWarnings; ++i) {
    const auto decision =
        server.on_record(RecordType::kHandshake, bytes({1, 0, 0, 3, 3, 3, 0}), kNow);
    EXPECT_EQ(decision.action, Action::kWarn);
    EXPECT_EQ(decision.alert, Alert::kNoRenegotiation);
  }
  expect_refusal(server.on_record(RecordType::kHandshake, bytes({1, 0, 0, 1, 0}), kNow),
                 Alert::kUnexpectedMessage);
}

TEST(Control, HelloRequestIsDeclinedByClients) {
  Control client(Version::kTls12, Role::kClient);
  EXPECT_EQ(client.on_record(RecordType::kHandshake, bytes({0, 0, 0, 0}), kNow).action,
            Action::kWarn);
}

TEST(Control, KeyUpdateIsNoMessageOfTls12) {
  auto control = server12();
  expect_refusal(control.on_record(RecordType::kHandshake, bytes({24, 0, 0, 1, 0}), kNow),
                 Alert::kUnexpectedMessage);
}

TEST(Control, AnAlertInsideAMessageIsRefused) {
  auto control = client13();
  control.on_record(RecordType::kHandshake, bytes({4, 0}), kNow);
  expect_refusal(control.on_record(RecordType::kAlert, bytes({1, 0}), kNow),
                 Alert::kUnexpectedMessage);
}

}  // namespace
}  // namespace sluice::tls
