// SPDX-License-Identifier: Apache-2.0
#include "launch.h"

#include <csetjmp>
#include <csignal>
#include <map>
#include <mutex>
#include <string>

namespace vrfake {
namespace {

std::mutex& kernels_mutex()
{
  static auto& only = *new std::mutex;
  return only;
}

std::map<std::string, vrfake_kernel const*, std::less<>>& kernels()
{
  static auto& only = *new std::map<std::string, vrfake_kernel const*, std::less<>>;
  return only;
}

/// Where a fault of this thread's kernel returns to; null when it runs none.
thread_local sigjmp_buf* volatile escape = nullptr;

/// What handled the two signals before.
struct sigaction before_segv{};
struct sigaction before_bus{};

void on_fault(int signal, siginfo_t* info, void* context)
{
  if (escape != nullptr) siglongjmp(*escape, 1);
  auto const& before = signal == SIGBUS ? before_bus : before_segv;
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(signal, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
  // Not a kernel's: back to the default, under which the faulting instruction faults again.
  sigaction(signal, &before, nullptr);
}

/// The handler is installed by the first kernel, so that a process without kernels keeps its signals to itself.
void install_handler()
{
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
  });
}

}  // namespace

vrfake_kernel const* kernel_named(std::string_view name)
{
  std::scoped_lock const lock{kernels_mutex()};
  auto const found = kernels().find(name);
  return found == kernels().end() ? nullptr : found->second;
}

void take_kernel(vrfake_kernel const* kernel)
{
  std::scoped_lock const lock{kernels_mutex()};
  kernels().insert_or_assign(kernel->name, kernel);
}

bool run_guarded(vrfake_kernel const& kernel, vrfake_launch const& launch, std::vector<void*> const& params)
{
  install_handler();
  sigjmp_buf here;
  if (sigsetjmp(here, 1) != 0) {
    escape = nullptr;
    return false;
  }
  escape = &here;
  kernel.run(&launch, params.data());
  escape = nullptr;
  return true;
}

}  // namespace vrfake
