// The data plane as the control thread holds it: workers, listening addresses, the table in force
// and those that still live.
//
//   prepare(config)  binds what is new and compiles; nothing has changed yet
//   publish(...)     every worker swaps between two turns of its loop; `done` when the last one has
//   (later)          a table that was replaced is freed when the last worker has given it back
//
// Control thread only; what workers report arrives through the io_context.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/listener_set.h"
#include "daemon/table_compiler.h"
#include "daemon/worker.h"
#include "proxy/route_table.h"
#include "sluice/config.h"

namespace sluice::daemon {

/// What the engine tells its owner, on the control thread.
class EngineEvents : public balance::ServerWatcher {
 public:
  virtual void on_session_record(const proxy::SessionRecord& record) = 0;
  /// Nothing accepts and no session is left, after stop_accepting().
  virtual void on_engine_drained() = 0;

 protected:
  ~EngineEvents() = default;
};

/// How the process's descriptors are shared out.
struct EngineBudget {
  std::size_t pipes_per_worker = 0;
  std::uint64_t sessions = 0;  ///< of all workers together
  std::uint32_t backlog = 0;   ///< connections that wait in the kernel for a listening socket
  std::size_t checks = 0;      ///< health checks at once
};

class Engine final : private WorkerEvents {
 public:
  /// A configuration on its way into force.
  struct Prepared {
    ListenerSet::Prepared listeners;
    CompiledTable compiled;
  };

  /// Starts `workers` threads (nothing: one per allowed CPU, pinned). `io` and `events` live
  /// longer.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> start(std::optional<int> workers,
                                                             InheritedSockets inherited,
                                                             boost::asio::io_context& io,
                                                             EngineEvents& events);
  /// Must be drained, or never have published.
  ~Engine();

  [[nodiscard]] tl::expected<Prepared, Diagnostics> prepare(const Config& config,
                                                            const std::string& file,
                                                            std::uint64_t generation);
  /// What the probe found; before the first `publish()`.
  void set_ktls(const tls::KtlsAbility& ability) noexcept { ktls_ = ability; }

  void publish(Prepared prepared, const Config& config, std::function<void()> done);

  /// `on_engine_drained()` follows.
  void stop_accepting();

  /// Sessions that wait for a server look again what there is for them.
  void review_waiting();

  /// Runs `question(WorkerLoop&)` on every worker and `done(answers)` here when all have answered,
  /// in the order of the workers.
  template <typename Answer, typename Question>
  void ask(Question question, std::function<void(std::vector<Answer>)> done);

  [[nodiscard]] proxy::RouteTable* table() noexcept {
    return tables_.empty() ? nullptr : tables_.back().compiled.table.get();
  }
  /// Newest first.
  [[nodiscard]] std::vector<proxy::RouteTable*> living_tables();
  [[nodiscard]] std::vector<std::unique_ptr<Worker>>& workers() noexcept { return workers_; }
  [[nodiscard]] const ListenerSet& listeners() const noexcept { return listeners_; }
  [[nodiscard]] StateRegistry& registry() noexcept { return registry_; }

  [[nodiscard]] const EngineBudget& budget() const noexcept { return budget_; }

  /// Hands every finished session on, now.
  void drain_logs();

 private:
  struct LiveTable {
    CompiledTable compiled;
    std::size_t holders;  ///< workers that have not given it back
  };

  Engine(std::size_t workers, const EngineBudget& budget, InheritedSockets inherited,
         boost::asio::io_context& io, EngineEvents& events);

  void on_table_returned(proxy::RouteTable& table) noexcept override;
  void on_log_ready() noexcept override;
  void on_drained() noexcept override;
  void forget(proxy::RouteTable& table);
  void schedule_drain();

  EngineBudget budget_;
  tls::KtlsAbility ktls_;
  boost::asio::io_context& io_;
  EngineEvents& events_;
  ListenerSet listeners_;
  StateRegistry registry_;
  std::vector<LiveTable> tables_;  ///< oldest first; the last one is in force
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t drained_ = 0;
  bool is_drain_scheduled_ = false;
};

template <typename Answer, typename Question>
void Engine::ask(Question question, std::function<void(std::vector<Answer>)> done) {
  struct Round {
    std::vector<Answer> answers;
    std::atomic<std::size_t> missing;
    std::function<void(std::vector<Answer>)> done;
  };
  auto round = std::make_shared<Round>();
  round->answers.resize(workers_.size());
  round->missing = workers_.size();
  round->done = std::move(done);
  for (std::size_t index = 0; index < workers_.size(); ++index) {
    workers_[index]->post([this, round, index, question](WorkerLoop& loop) mutable {
      round->answers[index] = question(loop);
      if (round->missing.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
      boost::asio::post(io_, [round] { round->done(std::move(round->answers)); });
    });
  }
}

}  // namespace sluice::daemon
