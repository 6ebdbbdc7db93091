// SPDX-License-Identifier: Apache-2.0
/// The kernels as the fake driver launches them: by name, from a module, over device memory.
#include "../../kernels/arguments.h"
#include "../../src/digest/fsverity.h"
#include "../../src/digest/kernel_images.h"
#include "../fake.h"
#include "harness.h"

using namespace vram_residency::digest;
using namespace vram_residency::kernels;
using harness::Random;

namespace {

template <typename... Arguments>
int call(char const* name, Arguments... arguments)
{
  return fake::control<int(Arguments...)>(name)(arguments...);
}

/// A device with a context, the kernels registered, and a module that holds them.
class Device {
 public:
  Device()
  {
    fake::reset();
    failed_ += !fake::with_kernels();
    void* context = nullptr;
    failed_ += call("cuInit", 0u) != 0;
    failed_ += call("cuDevicePrimaryCtxRetain", &context, 0) != 0;
    failed_ += call("cuCtxSetCurrent", context) != 0;
    failed_ += load() != 0;
  }

  /// Device memory that holds `bytes`.
  std::uint64_t put(ByteView bytes)
  {
    std::uint64_t address = 0;
    failed_ += call("cuMemAlloc_v2", &address, bytes.size()) != 0;
    failed_ += call("cuMemcpyHtoD_v2", address, static_cast<void const*>(bytes.data()), bytes.size()) != 0;
    return address;
  }

  Bytes get(std::uint64_t address, std::size_t size)
  {
    Bytes bytes(size);
    failed_ += call("cuMemcpyDtoH_v2", static_cast<void*>(bytes.data()), address, size) != 0;
    return bytes;
  }

  template <typename Arguments>
  void launch(char const* name, unsigned blocks, Arguments arguments)
  {
    void* function = nullptr;
    void* parameters[] = {&arguments};
    failed_ += call("cuModuleGetFunction", &function, module_, name) != 0;
    failed_ += call("cuLaunchKernel", function, blocks, 1u, 1u, kThreads, 1u, 1u, 0u, static_cast<void*>(nullptr),
                    &parameters[0], static_cast<void**>(nullptr)) != 0;
    failed_ += call("cuCtxSynchronize") != 0;
  }

  /// Driver calls that failed.
  int failed() const { return failed_; }

 private:
  /// What an H200 is given; in a build without kernels a text that looks like one. What runs is registered by name.
  int load()
  {
    auto const candidates = kernel_candidates(kernel_images(), 9, 0);
    void const* image = ".version 6.0\n.target sm_50\n.entry none() {}\n";
    if (!candidates.empty()) { image = candidates.front().bytes.data(); }
    return call("cuModuleLoadData", &module_, image);
  }

  void* module_ = nullptr;
  int failed_ = 0;
};

template <typename Value>
ByteView view(Value const& value)
{
  return {reinterpret_cast<std::uint8_t const*>(&value), sizeof value};
}

Bytes launched_leaves(Device& device, ByteView data)
{
  auto const count = fsverity_blocks(data.size());
  auto const out = device.put(Bytes(count * kDigestBytes, 0xa5));
  Segment const segment{device.put(data), data.size(), 0, out};
  LeafArguments arguments{};
  arguments.segments = device.put(view(segment));
  arguments.end = count;
  arguments.segment_count = 1;
  arguments.message_bits = 8 * kFsVerityBlockBytes;
  std::ranges::copy(kSha256Initial.words, arguments.midstate);
  device.launch("vr_fsverity_leaves", static_cast<unsigned>((count + kThreads - 1) / kThreads), arguments);
  return device.get(out, count * kDigestBytes);
}

}  // namespace

TEST(leaves_of_device_memory_are_those_of_the_host)
{
  Random random{60};
  auto const data = random.bytes(300 * 4096 + 1234);
  Device device;
  CHECK(launched_leaves(device, data) == fsverity(data, {{}, true}).leaves);
  CHECK(device.failed() == 0);
}

TEST(every_profile_takes_one_of_the_images)
{
  if (kernel_images().empty()) { return harness::skip("built without kernels"); }
  for (auto const* const driver : {"13000", "12040", "11000"}) {
    Device const device;
    fake::reset(std::string{"profile=h200\ndriver_version="} + driver);
    void* context = nullptr;
    CHECK(call("cuInit", 0u) == 0 && call("cuDevicePrimaryCtxRetain", &context, 0) == 0);
    CHECK(call("cuCtxSetCurrent", context) == 0);
    std::size_t loaded = 0;
    for (auto const& image : kernel_candidates(kernel_images(), 9, 0)) {
      void* module = nullptr;
      loaded += call("cuModuleLoadData", &module, static_cast<void const*>(image.bytes.data())) == 0;
    }
    // A driver before 13 refuses the cubins of this compiler, and takes the PTX.
    CHECK(loaded == (std::string_view{driver} == "13000" ? 2 : 1));
  }
}

TEST(a_launch_that_does_nothing_leaves_the_poison)
{
  Random random{61};
  auto const data = random.bytes(10 * 4096);
  Device device;
  CHECK(FAKE(vrfake_idle_launch)(0) == 0);
  CHECK(launched_leaves(device, data) == Bytes(10 * kDigestBytes, 0xa5));
  CHECK(device.failed() == 0);
}

TEST(the_zero_check_of_device_memory_counts_what_it_looked_at)
{
  Device device;
  Bytes memory(100'000);
  memory[77'777] = 1;
  auto const report = device.put(view(ZeroReport{}));
  device.launch("vr_zero_check", 3, ZeroArguments{device.put(memory), memory.size(), report});
  ZeroReport const expected{100'000, 1};
  auto const bytes = view(expected);
  CHECK(device.get(report, sizeof expected) == Bytes(bytes.begin(), bytes.end()));
  CHECK(device.failed() == 0);
}
