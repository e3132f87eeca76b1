#include "daemon/worker.h"

#include <sys/eventfd.h>

#include <string>

#include "sys/thread.h"

namespace sluice::daemon {

Result<std::unique_ptr<Worker>> Worker::start(const Settings& settings, WorkerEvents& events) {
  std::promise<Result<Started>> promise;
  auto outcome = promise.get_future();
  std::unique_ptr<Worker> worker(new Worker());
  worker->thread_ = std::thread(
      [worker = worker.get(), settings, &events, promise = std::move(promise)]() mutable {
        worker->run(settings, events, promise);
      });
  const Result<Started> started = outcome.get();
  if (!started) {
    worker->thread_.join();
    return tl::unexpected(started.error());
  }
  worker->loop_ = started->loop;
  worker->cpu_ = started->cpu;
  return worker;
}

void Worker::run(const Settings& settings, WorkerEvents& events,
                 std::promise<Result<Started>>& started) {
  sys::block_signals_on_this_thread();
  sys::name_this_thread(("worker-" + std::to_string(settings.worker)).c_str());
  int cpu = -1;
  if (settings.cpu && sys::pin_this_thread(*settings.cpu) == sys::Pinning::kPinned) {
    cpu = *settings.cpu;
  }
  auto ring = uring::Ring::create();
  if (!ring) return started.set_value(tl::unexpected(ring.error()));
  sys::Fd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.is_open()) {
    return started.set_value(fail("no descriptors left for a worker: raise LimitNOFILE"));
  }
  // The pools' memory must outlive the ring that the kernel fills it through.
  auto chunks = proxy::ChunkPool::create(*ring);
  if (!chunks) return started.set_value(tl::unexpected(chunks.error()));
  auto from_clients = proxy::DatagramPool::create(*ring, proxy::DatagramPool::Source::kClients);
  if (!from_clients) return started.set_value(tl::unexpected(from_clients.error()));
  auto from_servers = proxy::DatagramPool::create(*ring, proxy::DatagramPool::Source::kServers);
  if (!from_servers) return started.set_value(tl::unexpected(from_servers.error()));
  auto aead = tls::Aead::create();
  if (!aead) return started.set_value(tl::unexpected(aead.error()));
  reactor::Reactor reactor(std::move(*ring), std::move(wake));
  WorkerLoop loop({reactor,
                   *chunks,
                   {*from_clients, *from_servers},
                   std::move(*aead),
                   settings.worker,
                   settings.pipe_limit},
                  events);
  started.set_value(Started{&loop, cpu});
  loop.run();
  may_end_.acquire();  // the letter that ended the loop may still be on its way out of post()
}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  if (loop_ != nullptr) post([](WorkerLoop& loop) { loop.quit(); });
  may_end_.release();
  thread_.join();
}

}  // namespace sluice::daemon
