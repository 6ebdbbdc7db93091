// SPDX-License-Identifier: Apache-2.0
/// `probe LIBCUDA LIBNVML QUESTION`: asks a driver one thing that its documentation leaves open, and prints JSON.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "questions.h"

namespace {

using vram_residency::JsonObject;
using vram_residency::probe::Gpu;
namespace probe = vram_residency::probe;

struct Question {
  char const* name;
  void (*ask)(Gpu&, JsonObject&);
};

constexpr Question kQuestions[] = {
    {"attributes", probe::attributes},
    {"clocks", probe::clocks},
    {"readonly-copy", probe::readonly_copy},
    {"readonly-copy-async", probe::readonly_copy_async},
    {"readonly-memset", probe::readonly_memset},
    {"readonly-memset-async", probe::readonly_memset_async},
    {"readonly-kernel", probe::readonly_kernel},
    {"access-flips", probe::access_flips},
    {"attribute-widths", probe::attribute_widths},
    {"ranges", probe::ranges},
    {"without-context", probe::without_context},
    {"unmap-waits", probe::unmap_waits},
    {"rates", probe::rates},
    {"allocation-costs", probe::allocation_costs},
};

}  // namespace

int main(int count, char** words)
{
  if (count == 2 && std::strcmp(words[1], "--list") == 0) {
    for (Question const& question : kQuestions) { std::puts(question.name); }
    return 0;
  }
  for (Question const& question : kQuestions) {
    if (count != 4 || std::strcmp(words[3], question.name) != 0) { continue; }
    Gpu gpu;
    gpu.open(words[1], words[2]);
    JsonObject answer;
    answer.text("question", question.name);
    answer.boolean("fake", gpu.fake);
    question.ask(gpu, answer);
    std::puts(answer.str().c_str());
    std::fflush(stdout);
    // A context with a sticky error may hang while it is torn down.
    std::_Exit(0);
  }
  std::fputs("usage: probe LIBCUDA LIBNVML QUESTION, or probe --list\n", stderr);
  return 2;
}
