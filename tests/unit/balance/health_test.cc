#include "balance/health.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::balance {
namespace {

constexpr auto kSuccess = CheckOutcome::kSuccess;
constexpr auto kFailure = CheckOutcome::kFailure;

std::string shown(const Health& health) {
  return to_string(health.status(), Duty::kServing);
}

Health after(HealthRules rules, const std::vector<CheckOutcome>& outcomes) {
  Health health;
  health.start_checks(rules);
  for (const CheckOutcome outcome : outcomes) health.on_check(outcome);
  return health;
}

/// HAProxy's own representation (its check.c): one counter from 0 to rise + fall - 1; the server is
/// up from `rise` on. It starts at `rise`.
class HaproxyModel {
 public:
  explicit HaproxyModel(HealthRules rules)
      : rise_(rules.rise), fall_(rules.fall), health_(rules.rise) {}

  void on_check(CheckOutcome outcome) {
    if (outcome == kSuccess) {
      if (health_ < rise_ + fall_ - 1 && ++health_ >= rise_) health_ = rise_ + fall_ - 1;
    } else {
      health_ = health_ > rise_ ? health_ - 1 : 0;
    }
  }

  std::string shown() const {
    if (health_ >= rise_) {
      if (health_ == rise_ + fall_ - 1) return "UP";
      return "UP " + std::to_string(health_ - rise_ + 1) + "/" + std::to_string(fall_);
    }
    if (health_ == 0) return "DOWN";
    return "DOWN " + std::to_string(health_) + "/" + std::to_string(rise_);
  }

 private:
  int rise_;
  int fall_;
  int health_;
};

/// Calls `visit` for every sequence of `length` outcomes.
template <typename Visit>
void for_each_sequence(unsigned length, Visit visit) {
  for (unsigned bits = 0; bits < 1U << length; ++bits) {
    std::vector<CheckOutcome> outcomes;
    for (unsigned i = 0; i < length; ++i) {
      outcomes.push_back((bits >> i & 1U) != 0 ? kSuccess : kFailure);
    }
    visit(outcomes);
  }
}

template <typename Visit>
void for_each_rules(Visit visit) {
  for (std::uint16_t fall = 1; fall <= 4; ++fall) {
    for (std::uint16_t rise = 1; rise <= 4; ++rise) visit(HealthRules{.fall = fall, .rise = rise});
  }
}

TEST(Health, AgreesWithHaproxyAfterEverySequenceOfOutcomes) {
  for_each_rules([](HealthRules rules) {
    for_each_sequence(10, [rules](const std::vector<CheckOutcome>& outcomes) {
      Health health;
      health.start_checks(rules);
      HaproxyModel model(rules);
      ASSERT_EQ(shown(health), model.shown());
      for (const CheckOutcome outcome : outcomes) {
        health.on_check(outcome);
        model.on_check(outcome);
        ASSERT_EQ(shown(health), model.shown()) << "fall " << rules.fall << " rise " << rules.rise;
      }
    });
  });
}

TEST(Health, StartsUpButFallsWithTheFirstFailure) {
  Health health;
  EXPECT_EQ(shown(health), "NOCHECK");
  EXPECT_TRUE(health.status().is_up());
  health.start_checks({.fall = 3, .rise = 2});
  EXPECT_EQ(shown(health), "UP 1/3");
  EXPECT_FALSE(health.status().is_checked);
  health.on_check(kFailure);
  EXPECT_EQ(shown(health), "DOWN");
  EXPECT_FALSE(health.status().is_up());
  EXPECT_TRUE(health.status().is_checked);
}

TEST(Health, ShowsEachStepOfAFallAndARise) {
  Health health = after({.fall = 3, .rise = 2}, {kSuccess});
  std::vector<std::string> steps{shown(health)};
  for (const auto outcome : {kFailure, kFailure, kFailure, kFailure, kSuccess, kFailure, kSuccess,
                             kSuccess, kFailure, kSuccess}) {
    health.on_check(outcome);
    steps.push_back(shown(health));
  }
  EXPECT_EQ(steps, (std::vector<std::string>{"UP", "UP 2/3", "UP 1/3", "DOWN", "DOWN", "DOWN 1/2",
                                             "DOWN", "DOWN 1/2", "UP", "UP 2/3", "UP"}));
}

TEST(Health, StandbyIsShownForAnIdleServerThatIsUp) {
  EXPECT_EQ(to_string(HealthStatus{}, Duty::kStandby), "STANDBY");
  EXPECT_EQ(to_string(HealthStatus{}, Duty::kStandby, Order::kDrain), "DRAIN");
  EXPECT_EQ(to_string(HealthStatus{}, Duty::kServing, Order::kMaintenance), "MAINT");
  EXPECT_EQ(to_string(after({}, {kSuccess}).status(), Duty::kStandby), "STANDBY");
  EXPECT_EQ(to_string(after({}, {kSuccess, kFailure}).status(), Duty::kStandby), "STANDBY");
  EXPECT_EQ(to_string(after({}, {kFailure}).status(), Duty::kStandby), "DOWN");
  EXPECT_EQ(to_string(after({}, {kFailure, kSuccess}).status(), Duty::kStandby), "DOWN 1/2");
}

TEST(Health, NewRulesKeepEveryStateAndItsInvariants) {
  for_each_rules([](HealthRules before) {
    for_each_rules([before](HealthRules rules) {
      for_each_sequence(5, [before, rules](const std::vector<CheckOutcome>& outcomes) {
        Health health = after(before, outcomes);
        const HealthStatus old = health.status();
        health.start_checks(rules);
        const HealthStatus now = health.status();
        ASSERT_EQ(now.state, old.state);
        ASSERT_TRUE(now.is_checked);
        if (now.is_up()) {
          ASSERT_EQ(now.goal, rules.fall);
          ASSERT_GE(now.progress, 1);
          ASSERT_LE(now.progress, rules.fall);
          if (old.progress == old.goal) {
            ASSERT_EQ(now.progress, rules.fall);
          }
        } else {
          ASSERT_EQ(now.goal, rules.rise);
          ASSERT_LT(now.progress, rules.rise);
        }
      });
    });
  });
}

TEST(Health, ChangedRulesDoNotGiveAnUncheckedServerMoreLives) {
  Health health;
  health.start_checks({.fall = 1, .rise = 2});
  health.start_checks({.fall = 3, .rise = 2});
  EXPECT_EQ(shown(health), "UP 1/3");
}

TEST(Health, StoppedChecksForgetTheStateAndBeginAgain) {
  for (const auto& outcomes : std::vector<std::vector<CheckOutcome>>{
           {}, {kSuccess}, {kSuccess, kFailure}, {kFailure}, {kFailure, kSuccess}}) {
    Health health = after({.fall = 3, .rise = 2}, outcomes);
    health.stop_checks();
    EXPECT_EQ(shown(health), "NOCHECK");
    EXPECT_EQ(health.status(), HealthStatus{});
    health.start_checks({.fall = 3, .rise = 2});
    EXPECT_EQ(shown(health), "UP 1/3");
  }
}

TEST(HealthStatus, SurvivesTheWayThroughAWord) {
  for (const auto state : {HealthState::kNoCheck, HealthState::kUp, HealthState::kDown}) {
    for (const bool is_checked : {false, true}) {
      for (const int progress : {0, 1, 255, 256, 65535}) {
        for (const int goal : {0, 1, 255, 256, 65535}) {
          const HealthStatus status{.state = state,
                                    .is_checked = is_checked,
                                    .progress = static_cast<std::uint16_t>(progress),
                                    .goal = static_cast<std::uint16_t>(goal)};
          EXPECT_EQ(HealthStatus::from_word(status.to_word()), status);
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::balance
