// SPDX-License-Identifier: Apache-2.0
// Profiles: what each pretends to be, to the driver's callers and to NVML's.
#include "harness.h"

using namespace vrfake;

namespace {

struct Memory {
  unsigned version;
  unsigned long long total, reserved, free, used;
};

/// The functions of NVML that these tests call.
struct Nvml {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*by_uuid)(char const*, void**) = nullptr;
  int (*by_index)(unsigned, void**) = nullptr;
  int (*by_pci)(char const*, void**) = nullptr;
  int (*uuid)(void*, char*, unsigned) = nullptr;
  int (*addressing)(void*, unsigned*) = nullptr;
  int (*memory)(void*, Memory*) = nullptr;
  int (*ecc_errors)(void*, int, int, unsigned long long*) = nullptr;
  int (*remapped)(void*, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;
  int (*mig)(void*, unsigned*, unsigned*) = nullptr;

  explicit Nvml(void* library)
  {
    look_up(library, "nvmlInit_v2", init);
    look_up(library, "nvmlShutdown", shutdown);
    look_up(library, "nvmlDeviceGetHandleByUUID", by_uuid);
    look_up(library, "nvmlDeviceGetHandleByIndex_v2", by_index);
    look_up(library, "nvmlDeviceGetHandleByPciBusId_v2", by_pci);
    look_up(library, "nvmlDeviceGetUUID", uuid);
    look_up(library, "nvmlDeviceGetAddressingMode", addressing);
    look_up(library, "nvmlDeviceGetMemoryInfo_v2", memory);
    look_up(library, "nvmlDeviceGetTotalEccErrors", ecc_errors);
    look_up(library, "nvmlDeviceGetRemappedRows", remapped);
    look_up(library, "nvmlDeviceGetMigMode", mig);
  }
};

Nvml& nvml()
{
  static Nvml only{open_library(folder + "/libnvidia-ml.so.1")};
  return only;
}

int attribute(int number)
{
  int value = -100;
  OK(cuda().cuDeviceGetAttribute(&value, number, 0));
  return value;
}

struct Expected {
  char const* profile;
  int vmm, integrated, pageable, host_tables;
  unsigned addressing;
};

void each_profile_is_what_its_name_says()
{
  constexpr Expected table[] = {
      {"h200", 1, 0, 0, 0, 0},         {"no-vmm", 0, 0, 0, 0, 0},      {"integrated", 1, 1, 1, 1, 2},
      {"hmm", 1, 0, 1, 0, 1},          {"ats", 1, 0, 1, 1, 2},         {"wsl", 1, 0, 0, 0, 0},
      {"small-memory", 1, 0, 0, 0, 0}, {"two-devices", 1, 0, 0, 0, 0}, {"mig", 1, 0, 0, 0, 0},
      {"vgpu", 0, 0, 0, 0, 0},         {"no-nvml", 1, 0, 0, 0, 0},
  };
  for (auto const& [profile, vmm, integrated, pageable, host_tables, addressing] : table) {
    start((std::string{"profile="} + profile).c_str());
    CHECK(attribute(102) == vmm && attribute(18) == integrated && attribute(88) == pageable &&
          attribute(100) == host_tables);
    auto const prop = prop_on(0);
    uint64_t handle = 0;
    CODE(vmm == 1 ? 0 : kNotSupported, cuda().cuMemCreate(&handle, 2 * kMiB, &prop, 0));
    if (std::string{profile} == "no-nvml") {
      CODE(9, nvml().init());
      continue;
    }
    OK(nvml().init());
    void* device = nullptr;
    OK(nvml().by_index(0, &device));
    unsigned mode[2] = {sizeof mode | 1U << 24, 9};
    OK(nvml().addressing(device, mode));
    CHECK(mode[1] == addressing);
    OK(nvml().shutdown());
  }
  OK(fake().configure("profile=wsl"));
  CHECK(std::strstr(fake().kernel_release(), "microsoft") != nullptr);
  OK(fake().configure("profile=h200"));
  CHECK(std::strstr(fake().kernel_release(), "microsoft") == nullptr);
}

void a_machine_without_a_device_says_so()
{
  fake().reset();
  OK(fake().configure("profile=no-device"));
  CODE(kNoDevice, cuda().cuInit(0));
  int count = 0;
  CODE(kNotInitialized, cuda().cuDeviceGetCount(&count));
}

void an_old_driver_lacks_what_came_later()
{
  fake().reset();
  OK(fake().configure("profile=old-driver"));
  OK(cuda().cuInit(0));
  int version = 0;
  OK(cuda().cuDriverGetVersion(&version));
  CHECK(version == 10010);
  unsigned char uuid[16];
  OK(cuda().cuDeviceGetUuid(uuid, 0));
  CODE(kCallRequiresNewerDriver, cuda().cuDeviceGetUuid_v2(uuid, 0));
  int value = 0;
  CODE(kInvalidValue, cuda().cuDeviceGetAttribute(&value, 102, 0));
  fake().reset();
  // The same, with the symbols gone. It is another driver, with a state of its own.
  auto* const library = open_library(folder + "/old/libcuda.so.1");
  Driver const old{library};
  Control const control{library};
  CHECK(old.cuInit != nullptr && old.cuMemAlloc_v2 != nullptr && old.cuDeviceGetUuid != nullptr);
  CHECK(old.cuMemCreate == nullptr && old.cuMemRetainAllocationHandle == nullptr && old.cuGetProcAddress == nullptr);
  CHECK(old.cuDevicePrimaryCtxRelease != nullptr && old.cuDevicePrimaryCtxRelease_v2 == nullptr);
  OK(old.cuInit(0));
  OK(old.cuDriverGetVersion(&version));
  CHECK(version == 10010 && control.calls() == 2 && fake().calls() == 0);
}

void functions_are_found_by_name_as_of_a_version()
{
  start("profile=h200");
  void* address = nullptr;
  int status = -1;
  OK(cuda().cuGetProcAddress_v2("cuMemCreate", &address, 12000, 0, &status));
  CHECK(address == reinterpret_cast<void*>(cuda().cuMemCreate) && status == 0);
  OK(cuda().cuGetProcAddress_v2("cuMemAlloc", &address, 12000, 0, &status));
  CHECK(address == reinterpret_cast<void*>(cuda().cuMemAlloc_v2));
  OK(cuda().cuGetProcAddress_v2("cuMemCreate", &address, 9000, 0, &status));
  CHECK(address == nullptr && status == 2);
  OK(cuda().cuGetProcAddress_v2("cuNoSuchThing", &address, 12000, 0, &status));
  CHECK(address == nullptr && status == 1);
  CODE(kNotFound, cuda().cuGetProcAddress("cuNoSuchThing", &address, 12000, 0));
}

void nvml_sees_the_same_device()
{
  start("profile=two-devices device=1 ecc_uncorrected=3 remap_pending=1");
  void* device = nullptr;
  CODE(1, nvml().by_index(1, &device));
  OK(nvml().init());
  CHECK(fake().live(VRFAKE_NVML) == 1);
  OK(nvml().by_index(1, &device));
  char text[96];
  OK(nvml().uuid(device, text, sizeof text));
  CODE(7, nvml().uuid(device, text, 10));
  void* same = nullptr;
  OK(nvml().by_uuid(text, &same));
  CHECK(same == device && std::string{text}.starts_with("GPU-") && std::strlen(text) == 40);
  char pci[32];
  OK(cuda().cuDeviceGetPCIBusId(pci, sizeof pci, 1));
  OK(nvml().by_pci(pci, &same));
  CHECK(same == device);
  int ordinal = -1;
  OK(cuda().cuDeviceGetByPCIBusId(&ordinal, pci));
  CHECK(ordinal == 1);
  CODE(6, nvml().by_uuid("GPU-nothing", &same));
  unsigned long long errors = 0;
  OK(nvml().ecc_errors(device, 1, 0, &errors));
  CHECK(errors == 3);
  unsigned rows[4];
  OK(nvml().remapped(device, &rows[0], &rows[1], &rows[2], &rows[3]));
  CHECK(rows[2] == 1 && rows[3] == 0);
  OK(nvml().by_index(0, &device));
  Memory before{sizeof(Memory) | 2U << 24, 0, 0, 0, 0};
  OK(nvml().memory(device, &before));
  auto const region = map_region(6 * kMiB);
  Memory after = before;
  OK(nvml().memory(device, &after));
  CHECK(after.used - before.used == 6 * kMiB && after.total == before.total);
  after.version = 0;
  CODE(25, nvml().memory(device, &after));
  free_region(region);
  OK(fake().fail("nvmlDeviceGetUUID", 1, 999));
  CODE(999, nvml().uuid(device, text, sizeof text));
  OK(fake().configure("mig=1"));
  unsigned current = 0;
  unsigned pending = 0;
  OK(nvml().mig(device, &current, &pending));
  CHECK(current == 1);
  OK(fake().lose(0));
  CODE(15, nvml().uuid(device, text, sizeof text));
  OK(nvml().shutdown());
  CODE(1, nvml().shutdown());
}

void settings_that_make_no_sense_change_nothing()
{
  start("profile=small-memory");
  for (auto const* const text : {"profile=h999", "total_bytes=-1", "total_bytes", "colour=red", "device=1 name=x",
                                 "devices=9", "granularity=100", "attribute.x=1", "pointer.8=yes", "addressing=far",
                                 "readonly_copy=maybe", "total_bytes=1 colour=red"}) {
    CODE(-1, fake().configure(text));
    CHECK(std::string{fake().problem()}.size() > 5);
  }
  size_t total = 0;
  OK(cuda().cuDeviceTotalMem_v2(&total, 0));
  CHECK(total == 64 * kMiB);
  OK(fake().configure("devices=3 device=2 name=Third_device total_bytes=1048576"));
  int count = 0;
  OK(cuda().cuDeviceGetCount(&count));
  CHECK(count == 3);
  char name[64];
  OK(cuda().cuDeviceGetName(name, sizeof name, 2));
  OK(cuda().cuDeviceTotalMem_v2(&total, 2));
  CHECK(std::string{name} == "Third device" && total == kMiB);
  CODE(kInvalidDevice, cuda().cuDeviceTotalMem_v2(&total, 3));
  CODE(-1, fake().configure("profile=no-device"));
  OK(fake().configure("profile=h200"));
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
                       TEST(each_profile_is_what_its_name_says),
                       TEST(a_machine_without_a_device_says_so),
                       TEST(an_old_driver_lacks_what_came_later),
                       TEST(functions_are_found_by_name_as_of_a_version),
                       TEST(nvml_sees_the_same_device),
                       TEST(settings_that_make_no_sense_change_nothing),
                   });
}
