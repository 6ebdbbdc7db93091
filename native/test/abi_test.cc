// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "digest/harness.h"

using client::Context;

TEST(says_what_it_is_without_a_driver)
{
  CHECK(vr_abi_version() == VR_ABI_VERSION);
  std::uint32_t sizes[16] = {};
  CHECK(vr_struct_sizes(sizes, 16) == 12);
  CHECK(sizes[0] == sizeof(vr_error) && sizes[11] == sizeof(vr_event) && sizes[12] == 0);
  std::uint32_t one[2] = {7, 7};
  CHECK(vr_struct_sizes(one, 1) == 12 && one[1] == 7);

  std::uint64_t length = 0;
  std::uint8_t text[1024];
  CHECK(vr_build_info(text, 1, &length) == VR_EBOUNDS && length > 10 && length < sizeof text);
  CHECK(vr_build_info(text, sizeof text, &length) == VR_OK && text[0] == '{' && text[length - 1] == '}');
  CHECK(vr_build_info(nullptr, 0, &length) == VR_EINVAL);
}

TEST(a_missing_driver_is_told_in_one_sentence)
{
  Context context{{}, "/nowhere/libcuda.so.1"};
  CHECK(context.opened == VR_OK);
  CHECK(context.started == VR_EUNAVAILABLE);
  auto const message = client::text(context.error.message);
  CHECK(message.rfind("no NVIDIA driver could be loaded: /nowhere/libcuda.so.1: ", 0) == 0 && message.back() != ' ');
  CHECK(message.find('\n') == std::string::npos);
  std::uint32_t count = 9;
  CHECK(vr_device_count(context.id, &count) == VR_EAGAIN && count == 9);
  std::uint64_t ticket = 0;
  CHECK(vr_submit_capacity(context.id, 0, &ticket) == VR_ENODEVICE);
}

TEST(a_fake_driver_is_refused_unless_it_was_asked_for)
{
  fake::reset();
  vr_open_options const options{};
  std::uint64_t context = 0;
  std::int32_t wake = -1;
  auto const path = fake::cuda();
  auto const* bytes = reinterpret_cast<std::uint8_t const*>(path.data());
  CHECK(vr_open(&options, bytes, path.size(), bytes, 0, &context, &wake) == VR_OK);
  std::uint64_t ticket = 0;
  CHECK(vr_submit_start(context, &ticket) == VR_OK);
  vr_error error{};
  while (vr_outcome(context, ticket, &error) == VR_EAGAIN) { ::usleep(1000); }
  CHECK(error.status == VR_EUNAVAILABLE);
  CHECK(client::text(error.message).find("fake") != std::string::npos);
  CHECK(vr_close(context) == VR_OK);
  ::close(wake);
}

TEST(describes_its_devices)
{
  fake::reset("profile=two-devices");
  Context context;
  CHECK(context.started == VR_OK);
  std::uint32_t count = 0;
  CHECK(vr_device_count(context.id, &count) == VR_OK && count == 2);
  vr_device first{};
  vr_device second{};
  CHECK(vr_device_facts(context.id, 0, &first) == VR_OK && vr_device_facts(context.id, 1, &second) == VR_OK);
  CHECK(client::text(first.uuid).substr(0, 4) == "GPU-" && client::text(first.uuid).size() == 40);
  CHECK(client::text(first.uuid) != client::text(second.uuid));
  CHECK(first.ordinal == 0 && second.ordinal == 1 && first.lost == 0);
  CHECK(first.capability_major == 9 && first.vmm == 1 && first.integrated == 0 && first.total_bytes > 0);
  CHECK(first.driver_model == VR_MODEL_LINUX && first.addressing == VR_ADDRESSING_NONE && first.ecc == 1);
  CHECK(vr_device_facts(context.id, 2, &first) == VR_ENODEVICE);
}

TEST(profiles_are_told_apart)
{
  struct Expected {
    char const* profile;
    bool (*holds)(vr_device const&);
  };
  Expected const expected[] = {
      {"no-vmm", [](vr_device const& facts) { return facts.vmm == 0 && facts.exportable == 0; }},
      {"integrated", [](vr_device const& facts) { return facts.integrated == 1; }},
      {"hmm", [](vr_device const& facts) { return facts.addressing == VR_ADDRESSING_HMM; }},
      {"ats", [](vr_device const& facts) { return facts.addressing == VR_ADDRESSING_ATS; }},
      {"wsl", [](vr_device const& facts) { return facts.driver_model == VR_MODEL_WSL; }},
      {"no-nvml", [](vr_device const& facts) { return facts.row_remap == VR_UNKNOWN && facts.driver_version[0] == 0; }},
      {"old-driver", [](vr_device const& facts) { return facts.vmm == 0 && facts.exportable == 0; }},
      {"mig", [](vr_device const& facts) { return facts.mig_mode == 1; }},
  };
  for (auto const& [profile, holds] : expected) {
    fake::reset(std::string{"profile="} + profile);
    Context context;
    CHECK(context.started == VR_OK);
    vr_device facts{};
    CHECK(vr_device_facts(context.id, 0, &facts) == VR_OK);
    if (!holds(facts)) { std::printf("  profile %s\n", profile); }
    CHECK(holds(facts));
  }
}

TEST(no_device_is_no_failure)
{
  fake::reset("profile=no-device");
  Context context;
  CHECK(context.started == VR_OK);
  std::uint32_t count = 9;
  CHECK(vr_device_count(context.id, &count) == VR_OK && count == 0);
}

TEST(refuses_what_makes_no_sense)
{
  fake::reset();
  Context context;
  std::uint64_t ticket = 0;
  auto const id = context.id;
  CHECK(vr_submit_allocate(id, 0, 0, 1, 0, 0, &ticket) == VR_EINVAL);
  CHECK(vr_submit_allocate(id, 0, 1, 3, 0, 0, &ticket) == VR_EINVAL);
  CHECK(vr_submit_allocate(id, 0, 1, 0, 0, 0, &ticket) == VR_EINVAL);
  CHECK(vr_submit_allocate(id, 0, 1, 8192, 0, 0, &ticket) == VR_EINVAL);
  CHECK(vr_submit_allocate(id, 0, 1, 1, 0, 2, &ticket) == VR_EINVAL);
  CHECK(vr_submit_allocate(id, 0, 1, 1, 0, 0, nullptr) == VR_EINVAL);
  CHECK(vr_submit_allocate(id, 7, 1, 1, 0, 0, &ticket) == VR_ENODEVICE);
  CHECK(vr_submit_allocate(id + 1, 0, 1, 1, 0, 0, &ticket) == VR_ECLOSED);
  CHECK(vr_submit_start(id, &ticket) == VR_EBUSY);
  CHECK(vr_submit_capacity(0, 0, &ticket) == VR_ECLOSED);
  CHECK(ticket == 0);
  vr_error error{};
  CHECK(vr_last_error(&error) == VR_OK && error.status == VR_ECLOSED && error.message[0] != 0);
  CHECK(vr_last_error(nullptr) == VR_EINVAL);
  vr_progress progress{};
  CHECK(vr_poll(id, 12345678, &progress) == VR_ESTALE);
  CHECK(vr_cancel(id, 12345678) == VR_ESTALE && vr_ticket_free(id, 0) == VR_ESTALE);
}

TEST(leaves_nothing_behind)
{
  fake::reset();
  {
    Context context;
    CHECK(context.allocate(5000) != 0);
    std::uint64_t ticket = 0;
    CHECK(vr_submit_close(context.id, &ticket) == VR_OK);
    CHECK(context.await(ticket) == VR_OK);
    std::uint64_t again = 0;
    CHECK(vr_submit_close(context.id, &again) == VR_ECLOSED);
    CHECK(vr_submit_capacity(context.id, 0, &again) == VR_ECLOSED);
    CHECK(vr_close(context.id) == VR_OK && vr_close(context.id) == VR_ECLOSED);
    context.id = 0;
  }
  CHECK(client::nothing_left());
}
