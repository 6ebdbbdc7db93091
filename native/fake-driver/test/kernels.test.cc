// SPDX-License-Identifier: Apache-2.0
// Kernels: which images load, what a launch does, and what happens to one that touches what it may not.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

#include "harness.h"

using namespace vrfake;

namespace {

constexpr char kPtx[] = ".version 6.0\n.target sm_50\n.address_size 64\n.visible .entry add(){ ret; }\n";

/// Adds a number to every byte of a range, one byte a thread.
void add(vrfake_launch const* launch, void* const* params)
{
  auto* const data = *static_cast<unsigned char**>(params[0]);
  auto const bytes = *static_cast<uint64_t*>(params[1]);
  auto const term = *static_cast<unsigned char*>(params[2]);
  for (uint64_t thread = 0; thread < uint64_t{launch->grid[0]} * launch->block[0]; ++thread)
    if (thread < bytes) data[thread] = static_cast<unsigned char>(data[thread] + term);
}

constexpr uint32_t kAddParams[] = {8, 8, 1, 0};
constexpr vrfake_kernel kAdd{"add", kAddParams, add};

void* add_function()
{
  OK(fake().register_kernel(&kAdd));
  void* module = nullptr;
  void* function = nullptr;
  OK(cuda().cuModuleLoadData(&module, kPtx));
  OK(cuda().cuModuleGetFunction(&function, module, "add"));
  return function;
}

int launch_add(void* function, uint64_t address, uint64_t bytes, unsigned char term)
{
  void* params[] = {&address, &bytes, &term};
  auto const grid = static_cast<unsigned>((bytes + 127) / 128);
  return cuda().cuLaunchKernel(function, grid, 1, 1, 128, 1, 1, 0, nullptr, params, nullptr);
}

unsigned char byte_at(uint64_t address)
{
  unsigned char byte = 0;
  OK(cuda().cuMemcpyDtoH_v2(&byte, address, 1));
  return byte;
}

void a_kernel_runs_on_device_memory_in_stream_order()
{
  start("profile=h200");
  auto* const function = add_function();
  auto const region = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(region.address, 1, region.bytes));
  OK(launch_add(function, region.address, 1000, 4));
  OK(launch_add(function, region.address, 500, 2));
  OK(cuda().cuCtxSynchronize());
  CHECK(byte_at(region.address) == 7 && byte_at(region.address + 999) == 5 && byte_at(region.address + 1000) == 1);
  // Only the kernel could follow the address.
  std::fflush(stdout);
  auto const child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    _exit(*reinterpret_cast<unsigned char volatile*>(region.address));
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  free_region(region);
}

void a_kernel_reads_what_is_read_only_but_a_store_is_an_illegal_address()
{
  for (auto const access : {kAccessRead, kAccessNone}) {
    start("profile=h200");
    auto* const function = add_function();
    auto const region = map_region(2 * kMiB);
    OK(cuda().cuMemsetD8_v2(region.address, 1, region.bytes));
    OK(cuda().cuCtxSynchronize());
    OK(set_access(region, access));
    OK(launch_add(function, region.address, 1000, 4));
    CODE(kIllegalAddress, cuda().cuCtxSynchronize());
    vrfake_allocation_info info;
    OK(fake().allocation(0, &info));
    unsigned char byte = 0;
    OK(fake().peek(info.id, 0, &byte, 1));
    CHECK(byte == 1);
  }
}

void a_kernel_past_the_end_is_an_illegal_address()
{
  start("profile=h200");
  auto* const function = add_function();
  uint64_t address = 0;
  OK(cuda().cuMemAddressReserve(&address, 4 * kMiB, 0, 0, 0));
  OK(launch_add(function, address + kMiB, 1000, 4));
  CODE(kIllegalAddress, cuda().cuCtxSynchronize());
}

void an_idle_launch_reports_success_and_does_nothing()
{
  start("profile=h200");
  auto* const function = add_function();
  auto const region = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(region.address, 1, region.bytes));
  OK(fake().idle_launch(2));
  OK(launch_add(function, region.address, 1000, 1));
  OK(launch_add(function, region.address, 1000, 1));
  OK(launch_add(function, region.address, 1000, 1));
  OK(cuda().cuCtxSynchronize());
  CHECK(byte_at(region.address) == 3 && fake().fired() == 1);
  OK(fake().idle_launch(0));
  OK(launch_add(function, region.address, 1000, 1));
  OK(cuda().cuCtxSynchronize());
  CHECK(byte_at(region.address) == 3 && fake().fired() == 2);
}

void launches_are_checked()
{
  start("profile=h200");
  auto* const function = add_function();
  CODE(kInvalidValue, cuda().cuLaunchKernel(function, 0, 1, 1, 128, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE(kInvalidValue, cuda().cuLaunchKernel(function, 1, 1, 1, 1025, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE(kInvalidValue, cuda().cuLaunchKernel(function, 1, 65536, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE(kInvalidValue, cuda().cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE(kInvalidHandle, cuda().cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  void* module = nullptr;
  void* missing = nullptr;
  OK(cuda().cuModuleLoadData(&module, kPtx));
  CODE(kNotFound, cuda().cuModuleGetFunction(&missing, module, "subtract"));
  OK(cuda().cuModuleUnload(module));
  CODE(kInvalidHandle, cuda().cuModuleGetFunction(&missing, module, "add"));
}

/// The head of a cubin for an architecture, as the toolkit of CUDA 13 (ABI 8) or an earlier one writes it.
std::vector<unsigned char> cubin(unsigned architecture, unsigned char abi)
{
  std::vector<unsigned char> image(64);
  std::memcpy(image.data(),
              "\x7f"
              "ELF\x02\x01\x01",
              7);
  image[8] = abi;
  image[18] = 190;
  image[abi >= 8 ? 49 : 48] = static_cast<unsigned char>(architecture);
  return image;
}

int load(void const* image)
{
  void* module = nullptr;
  return cuda().cuModuleLoadData(&module, image);
}

void cubins_load_within_their_major_version_and_ptx_as_far_as_the_driver_knows()
{
  start("profile=h200");
  OK(load(cubin(90, 8).data()));
  OK(load(cubin(90, 7).data()));
  CODE(kNoBinaryForGpu, load(cubin(80, 8).data()));
  CODE(kNoBinaryForGpu, load(cubin(100, 8).data()));
  OK(fake().configure("attribute.75=8 attribute.76=9"));
  OK(load(cubin(86, 8).data()));
  CODE(kNoBinaryForGpu, load(cubin(90, 8).data()));
  auto other = cubin(86, 8);
  other[18] = 62;
  CODE(kInvalidImage, load(other.data()));
  OK(load(kPtx));
  OK(fake().configure("driver_version=12040"));
  CODE(kNoBinaryForGpu, load(cubin(86, 8).data()));
  OK(load(cubin(86, 7).data()));
  OK(load(".version 8.4\n.target sm_89\n.entry k(){}"));
  CODE(kUnsupportedPtxVersion, load(".version 9.0\n.target sm_80\n.entry k(){}"));
  CODE(kInvalidPtx, load(".version 8.0\n.target sm_90\n.entry k(){}"));
  CODE(kInvalidPtx, load(".version 8.0\n.target sm_80\n"));
  CODE(kInvalidImage, load("nonsense that is longer than four bytes"));
}

/// As native/kernels/arguments.h has it.
struct ZeroArguments {
  uint64_t address, bytes, report;
};
struct ZeroReport {
  uint64_t checked_bytes, non_zero_bytes;
};

void the_projects_kernels_run_from_their_table()
{
  start("profile=h200");
  OK(fake().kernels((folder + "/libkernels.so").c_str()));
  CODE(-1, fake().kernels((folder + "/libcuda.so.1").c_str()));
  CODE(-1, fake().kernels("/nonexistent.so"));
  void* module = nullptr;
  void* check = nullptr;
  OK(cuda().cuModuleLoadData(&module, kPtx));
  for (auto const* const name : {"vr_fsverity_leaves", "vr_blake3_chunks", "vr_blake3_parents", "vr_zero_check"})
    OK(cuda().cuModuleGetFunction(&check, module, name));
  auto const region = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(region.address, 0, region.bytes));
  OK(cuda().cuMemsetD8_v2(region.address + 77777, 1, 3));
  ZeroArguments arguments{region.address, kMiB, region.address + kMiB};
  void* params[] = {&arguments};
  OK(cuda().cuLaunchKernel(check, 16, 1, 1, 128, 1, 1, 0, nullptr, params, nullptr));
  ZeroReport report{};
  OK(cuda().cuMemcpyDtoH_v2(&report, region.address + kMiB, sizeof report));
  CHECK(report.checked_bytes == kMiB && report.non_zero_bytes == 3);
}

}  // namespace

int main(int argc, char** argv)
{
#define TEST(name) \
  {                \
    #name, name    \
  }
  return run_tests(argc, argv,
                   {
                       TEST(a_kernel_runs_on_device_memory_in_stream_order),
                       TEST(a_kernel_reads_what_is_read_only_but_a_store_is_an_illegal_address),
                       TEST(a_kernel_past_the_end_is_an_illegal_address),
                       TEST(an_idle_launch_reports_success_and_does_nothing),
                       TEST(the_projects_kernels_run_from_their_table),
    TEST(launches_are_checked),
                       TEST(cubins_load_within_their_major_version_and_ptx_as_far_as_the_driver_knows),
                   });
}
