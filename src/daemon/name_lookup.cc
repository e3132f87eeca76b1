#include "daemon/name_lookup.h"

#include <netdb.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace sluice::daemon {
namespace {

struct Job {
  std::string name;
  NameLookup::Done done;
};

Endpoint endpoint_of(const addrinfo& info) {
  sockaddr_storage storage{};
  std::memcpy(&storage, info.ai_addr, std::min<std::size_t>(info.ai_addrlen, sizeof storage));
  return Endpoint::from_sockaddr(storage);
}

/// Blocks, perhaps for many seconds.
NameAnswer ask_system(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int status = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  const int system_error = errno;
  NameAnswer answer;
  if (status != 0) {
    answer.error = status == EAI_SYSTEM ? std::strerror(system_error) : ::gai_strerror(status);
    return answer;
  }
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    const Endpoint address = endpoint_of(*each);
    if (address.is_specified()) answer.addresses.push_back(address);
  }
  ::freeaddrinfo(list);
  if (answer.addresses.empty()) answer.error = "no address";
  return answer;
}

}  // namespace

/// What the threads and the owner share; the last of them frees it.
struct NameLookup::Shared : std::enable_shared_from_this<NameLookup::Shared> {
  std::mutex mutex;
  boost::asio::io_context* io = nullptr;  ///< null: nobody wants to know any more
  std::deque<Job> waiting;
  std::size_t threads = 0;

  void add(Job job) {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(job));
    if (threads == kThreads) return;
    try {
      std::thread([shared = shared_from_this()] { shared->work(); }).detach();
      ++threads;
    } catch (const std::system_error&) {
      if (threads == 0) give_up();
    }
  }

  void work() {
    std::unique_lock lock(mutex);
    while (!waiting.empty()) {
      Job job = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      NameAnswer answer = ask_system(job.name);
      lock.lock();
      tell(std::move(job), std::move(answer));
    }
    --threads;
  }

  /// Under the lock: `io` is there as long as it is not null.
  void tell(Job job, NameAnswer answer) {
    if (io == nullptr) return;
    boost::asio::post(
        *io, [weak = weak_from_this(), done = std::move(job.done), answer = std::move(answer)] {
          const auto shared = weak.lock();
          if (shared != nullptr && shared->is_wanted()) done(answer);
        });
  }

  bool is_wanted() {
    const std::lock_guard lock(mutex);
    return io != nullptr;
  }

  /// No thread can be had (RLIMIT_NPROC): an answer like any other.
  void give_up() {
    for (Job& job : waiting) tell(std::move(job), {{}, "no thread to look names up"});
    waiting.clear();
  }
};

NameLookup::NameLookup(boost::asio::io_context& io) : shared_(std::make_shared<Shared>()) {
  shared_->io = &io;
}

NameLookup::~NameLookup() {
  const std::lock_guard lock(shared_->mutex);
  shared_->io = nullptr;
  shared_->waiting.clear();
}

void NameLookup::look_up(std::string name, Done done) {
  shared_->add({std::move(name), std::move(done)});
}

}  // namespace sluice::daemon
