#include <systemd/sd-daemon.h>

#include <algorithm>
#include <utility>

#include "config/load.h"
#include "daemon/difference.h"
#include "daemon/supervisor.h"

namespace sluice::daemon {

void Supervisor::reload(ReloadCallback done) {
  if (is_reloading_) {
    waiting_.push_back(std::move(done));
    return;
  }
  asked_.push_back(std::move(done));
  begin_reload();
}

void Supervisor::on_file_changed(const std::string& file) {
  // While it stops nothing takes effect any more.
  if (!stopping_.empty()) return;
  log_.info("watch: " + file + " has changed");
  reload([](const ReloadOutcome&) {});
}

void Supervisor::begin_reload() {
  is_reloading_ = true;
  sd_notify(0, "RELOADING=1");
  watch_.note_reading();
  config::Loaded loaded = config::load(file_);
  if (!loaded.config) return refuse_reload(std::move(loaded.diagnostics));
  const auto shared = std::make_shared<config::Loaded>(std::move(loaded));
  names_.look_up(*shared->config, [this, shared] { prepare_reload(std::move(*shared)); });
}

void Supervisor::prepare_reload(config::Loaded loaded) {
  if (!stopping_.empty()) {
    return refuse_reload({{file_, 0, 0, Severity::kError, "", "sluice is stopping"}});
  }
  if (auto refusal = ktls_refusal(*loaded.config)) return refuse_reload({std::move(*refusal)});
  auto admin = admin_->prepare(loaded.config->admin);
  if (!admin) {
    return refuse_reload({{file_, 0, 0, Severity::kError, "admin", admin.error().text}});
  }
  auto prepared = engine_->prepare(*loaded.config, file_, generation_ + 1);
  if (!prepared) return refuse_reload(std::move(prepared.error()));
  if (loaded.config->workers != config_.workers) {
    loaded.diagnostics.push_back(
        {file_, 0, 0, Severity::kNotice, "workers", "takes effect when sluice is started again"});
  }
  take_effect(std::move(*loaded.config), std::move(*prepared), std::move(*admin),
              loaded.diagnostics);
}

std::optional<Diagnostic> Supervisor::ktls_refusal(const Config& config) const {
  if (config.ktls != KtlsMode::kOn || no_ktls_.empty()) return std::nullopt;
  return Diagnostic{file_,  0,
                    0,      Severity::kError,
                    "ktls", "`ktls: on`, but " + no_ktls_ + "; `ktls: auto` does without"};
}

void Supervisor::refuse_reload(Diagnostics diagnostics) {
  ++reloads_refused_;
  ReloadOutcome outcome;
  outcome.generation = generation_;
  const auto errors =
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [](const Diagnostic& each) { return each.severity == Severity::kError; });
  outcome.summary = std::to_string(errors) + (errors == 1 ? " error" : " errors");
  for (const Diagnostic& each : diagnostics) outcome.diagnostics.push_back(each.to_string());
  log_.error("reload refused: " + outcome.summary + "; generation " + std::to_string(generation_) +
             " stays in force");
  for (const std::string& line : outcome.diagnostics) log_.error(line);
  finish_reload(outcome);
}

void Supervisor::take_effect(Config config, Engine::Prepared prepared, AdminRebind admin,
                             const Diagnostics& notices) {
  ++generation_;
  ++reloads_;
  ReloadOutcome outcome;
  outcome.accepted = true;
  outcome.generation = generation_;
  outcome.summary =
      "generation " + std::to_string(generation_) + ": " + describe_difference(config_, config);
  for (const Diagnostic& each : notices) outcome.diagnostics.push_back(each.to_string());
  const auto before = std::make_shared<const Config>(std::exchange(config_, std::move(config)));
  log_.configure(config_.log);
  admin_->apply(std::move(admin));
  names_.follow(config_);
  watch_.follow(config_);
  fill_addresses(*prepared.compiled.table);
  engine_->publish(std::move(prepared), config_, [this, before, outcome = std::move(outcome)] {
    check_servers();
    ejector_->apply(config_);
    keeper_->apply(*before, config_, [this, outcome](std::uint64_t closed) mutable {
      outcome.summary +=
          ", " + std::to_string(closed) + (closed == 1 ? " session closed" : " sessions closed");
      report_reload(outcome);
    });
  });
}

void Supervisor::report_reload(const ReloadOutcome& outcome) {
  log_.info("reload " + outcome.summary);
  for (const std::string& line : outcome.diagnostics) log_.info(line);
  finish_reload(outcome);
}

void Supervisor::finish_reload(const ReloadOutcome& outcome) {
  sd_notify(0, "READY=1");
  last_reload_ = (outcome.accepted ? "" : "refused: ") + outcome.summary;
  for (const ReloadCallback& done : std::exchange(asked_, {})) done(outcome);
  is_reloading_ = false;
  if (waiting_.empty()) return;
  asked_ = std::exchange(waiting_, {});
  begin_reload();
}

}  // namespace sluice::daemon
