// SPDX-License-Identifier: Apache-2.0
#include "../../src/digest/kernel_images.h"
#include "harness.h"

#include <string_view>

using namespace vram_residency::digest;

namespace {

KernelImage const kAll[] = {{80, {}}, {86, {}}, {89, {}}, {90, {}}, {100, {}}, {120, {}}, {0, {}}};

std::vector<std::uint32_t> tried(std::span<KernelImage const> images, std::uint32_t major, std::uint32_t minor)
{
  std::vector<std::uint32_t> order;
  for (auto const& image : kernel_candidates(images, major, minor)) { order.push_back(image.capability); }
  return order;
}

using Order = std::vector<std::uint32_t>;

}  // namespace

TEST(a_device_gets_the_highest_cubin_of_its_major_version_that_is_not_above_it)
{
  CHECK((tried(kAll, 8, 0) == Order{80, 0}));
  CHECK((tried(kAll, 8, 6) == Order{86, 0}));
  CHECK((tried(kAll, 8, 7) == Order{86, 0}));
  CHECK((tried(kAll, 8, 9) == Order{89, 0}));
  CHECK((tried(kAll, 9, 0) == Order{90, 0}));
  CHECK((tried(kAll, 10, 3) == Order{100, 0}));
  CHECK((tried(kAll, 12, 1) == Order{120, 0}));
}

TEST(a_device_of_another_major_version_gets_the_ptx)
{
  CHECK((tried(kAll, 7, 5) == Order{0}));
  CHECK((tried(kAll, 11, 0) == Order{0}));
  CHECK((tried(kAll, 13, 0) == Order{0}));
  KernelImage const reversed[] = {{89, {}}, {0, {}}, {80, {}}};
  CHECK((tried(reversed, 8, 0) == Order{80, 0}));
}

TEST(without_images_there_is_nothing_to_try) { CHECK(kernel_candidates({}, 9, 0).empty()); }

TEST(what_the_library_carries_is_complete_or_nothing)
{
  auto const images = kernel_images();
  if (images.empty()) { return harness::skip("built without kernels"); }
  std::size_t texts = 0;
  for (auto const& image : images) {
    std::string_view const bytes{reinterpret_cast<char const*>(image.bytes.data()), image.bytes.size()};
    if (image.capability == 0) {
      ++texts;
      CHECK(bytes.back() == '\0' && bytes.find(".version 6.0\n.target sm_50\n") != bytes.npos);
    } else {
      CHECK(bytes.starts_with("\x7f""ELF"));
    }
    for (auto const* const name : {"vr_fsverity_leaves", "vr_blake3_chunks", "vr_blake3_parents", "vr_zero_check"}) {
      CHECK(bytes.find(name) != bytes.npos);
    }
  }
  CHECK(texts == 1 && images.size() == 7);
}
