#include "daemon/engine.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <latch>

#include "sys/socket.h"
#include "sys/thread.h"

namespace sluice::daemon {
namespace {

using boost::asio::steady_timer;

/// Finished sessions are collected this long before they are written: one wake-up of this thread
/// for many of them.
constexpr std::chrono::milliseconds kLogDelay{20};

/// Descriptors for everything that is not a session: health checks, the admin interface, a reload's
/// sockets and files.
constexpr std::size_t kReservedDescriptors = 256;
constexpr std::size_t kFewestReserved = 48;
constexpr std::size_t kMostPipesPerWorker = 256;

/// Raises the soft limit to the hard one and gives it.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &limit));
  return limit.rlim_cur;
}

/// How a process's descriptors are shared out.
EngineBudget share_out(std::size_t descriptors, std::size_t workers) {
  const std::size_t reserved = std::clamp(descriptors / 8, kFewestReserved, kReservedDescriptors);
  const std::size_t free = descriptors > reserved ? descriptors - reserved : 0;
  EngineBudget budget;
  // A pipe is two descriptors; pipes get at most an eighth of what there is.
  budget.pipes_per_worker = std::min(kMostPipesPerWorker, free / 16 / workers);
  budget.sessions = std::max<std::size_t>(1, free / 2 - budget.pipes_per_worker * workers);
  budget.backlog = static_cast<std::uint32_t>(
      std::clamp<std::size_t>(budget.sessions / (8 * workers), 1024, 4096));
  budget.checks = reserved / 3;
  return budget;
}

tls::KtlsUse use_of(KtlsMode mode) noexcept {
  switch (mode) {
    case KtlsMode::kAuto:
      return tls::KtlsUse::kBulk;
    case KtlsMode::kOn:
      return tls::KtlsUse::kAlways;
    case KtlsMode::kOff:
      return tls::KtlsUse::kNever;
  }
  return tls::KtlsUse::kNever;
}

}  // namespace

Engine::Engine(std::size_t workers, const EngineBudget& budget, InheritedSockets inherited,
               boost::asio::io_context& io, EngineEvents& events)
    : budget_(budget),
      io_(io),
      events_(events),
      listeners_(workers, budget.backlog, std::move(inherited)),
      registry_(workers, &events) {}

Engine::~Engine() {
  // Loops look at each other every turn: they stop that, all of them, before the first one goes.
  const auto parted = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(workers_.size()));
  for (const auto& worker : workers_) {
    worker->post([parted](WorkerLoop& loop) {
      loop.set_siblings({});
      parted->count_down();
    });
  }
  parted->wait();
}

Result<std::unique_ptr<Engine>> Engine::start(std::optional<int> workers,
                                              InheritedSockets inherited,
                                              boost::asio::io_context& io, EngineEvents& events) {
  const std::vector<int> cpus = sys::allowed_cpus();
  const std::size_t count = workers ? static_cast<std::size_t>(*workers) : cpus.size();
  const EngineBudget budget = share_out(raise_descriptor_limit(), count);
  std::unique_ptr<Engine> engine(new Engine(count, budget, std::move(inherited), io, events));
  for (std::size_t index = 0; index < count; ++index) {
    // More workers than CPUs is somebody's experiment: the kernel places them.
    const std::optional<int> cpu = count <= cpus.size() ? std::optional(cpus[index]) : std::nullopt;
    auto worker =
        Worker::start({static_cast<std::uint32_t>(index), cpu, budget.pipes_per_worker}, *engine);
    if (!worker) return tl::unexpected(worker.error());
    engine->workers_.push_back(std::move(*worker));
  }
  for (const auto& worker : engine->workers_) {
    std::vector<WorkerLoop*> siblings;
    for (const auto& other : engine->workers_) {
      if (other != worker) siblings.push_back(&other->loop());
    }
    worker->post([siblings](WorkerLoop& loop) { loop.set_siblings(siblings); });
  }
  return engine;
}

tl::expected<Engine::Prepared, Diagnostics> Engine::prepare(const Config& config,
                                                            const std::string& file,
                                                            std::uint64_t generation) {
  auto listeners = listeners_.prepare(config, file);
  if (!listeners) return tl::unexpected(listeners.error());
  auto compiled = compile(config, generation, registry_);
  if (!compiled) {
    return tl::unexpected(Diagnostics{{file, 0, 0, Severity::kError, "", compiled.error().text}});
  }
  return Prepared{std::move(*listeners), std::move(*compiled)};
}

void Engine::publish(Prepared prepared, const Config& config, std::function<void()> done) {
  listeners_.commit(config, prepared.listeners);
  proxy::RouteTable& table = *prepared.compiled.table;
  table.come_into_force();
  tables_.push_back({std::move(prepared.compiled), workers_.size()});
  const WorkerLoop::Options options{config.splice == SpliceMode::kAuto,
                                    {use_of(config.ktls), ktls_},
                                    config.log.sessions,
                                    budget_.sessions,
                                    budget_.backlog};
  // Sockets move to their workers one by one; the shared vector only carries them there.
  auto sockets = std::make_shared<std::vector<std::vector<NewListener>>>(
      std::move(prepared.listeners.by_worker));
  std::vector<WorkerLoop*> loops;
  for (const auto& worker : workers_) loops.push_back(&worker->loop());
  ask<int>(
      [&table, options, sockets, loops](WorkerLoop& loop) {
        const auto place = std::find(loops.begin(), loops.end(), &loop);
        loop.set_options(options);
        loop.take_table(table,
                        std::move((*sockets)[static_cast<std::size_t>(place - loops.begin())]));
        return 0;
      },
      [done = std::move(done)](const std::vector<int>&) { done(); });
}

void Engine::review_waiting() {
  for (const auto& worker : workers_) {
    worker->post([](WorkerLoop& loop) { loop.review_waiting(); });
  }
}

void Engine::stop_accepting() {
  for (const auto& worker : workers_) {
    worker->post([](WorkerLoop& loop) { loop.stop_accepting(); });
  }
}

std::vector<proxy::RouteTable*> Engine::living_tables() {
  std::vector<proxy::RouteTable*> tables;
  for (auto each = tables_.rbegin(); each != tables_.rend(); ++each) {
    tables.push_back(each->compiled.table.get());
  }
  return tables;
}

// --- From the workers, on their threads ---

void Engine::on_table_returned(proxy::RouteTable& table) noexcept {
  boost::asio::post(io_, [this, &table] { forget(table); });
}

void Engine::on_log_ready() noexcept {
  boost::asio::post(io_, [this] { schedule_drain(); });
}

void Engine::on_drained() noexcept {
  boost::asio::post(io_, [this] {
    if (++drained_ < workers_.size()) return;
    drain_logs();
    events_.on_engine_drained();
  });
}

// --- On the control thread ---

void Engine::forget(proxy::RouteTable& table) {
  const auto place = std::find_if(tables_.begin(), tables_.end(), [&](const LiveTable& each) {
    return each.compiled.table.get() == &table;
  });
  if (place == tables_.end() || --place->holders > 0) return;
  drain_logs();  // records point at what the table keeps alive
  tables_.erase(place);
  registry_.prune();
}

void Engine::schedule_drain() {
  if (std::exchange(is_drain_scheduled_, true)) return;
  auto timer = std::make_shared<steady_timer>(io_, kLogDelay);
  timer->async_wait([this, timer](const boost::system::error_code& error) {
    if (error) return;
    is_drain_scheduled_ = false;
    drain_logs();
  });
}

void Engine::drain_logs() {
  for (const auto& worker : workers_) {
    // Armed before reading: a record pushed behind the last read tells again.
    worker->loop().rearm_log();
    while (const auto record = worker->loop().log().pop()) events_.on_session_record(*record);
  }
}

}  // namespace sluice::daemon
