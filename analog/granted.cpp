// One transient in libngspice that advances only as far as it is granted; one process, one deck.
//
//   granted DECK RECORD HIGH RAMP THRESHOLD INPUTS OUTPUTS RECORDED
//
// DECK has one .tran and saves what is named below. An input is a voltage source `V... external`
// that is 0 or HIGH (V); a change of level takes RAMP (s). An output is a node that reports when it
// passes THRESHOLD (V). Names stand with commas between. RECORD gets every accepted time point as
// doubles: the time, and the voltages of the RECORDED nodes.
//
// Grants come on stdin, answers go to stdout, in the machine's own byte order:
//
//   grant    double until, int64 n, n x {double time, int64 input, int64 level}
//   answer   double reached, int64 failed, int64 n, n x {double time, int64 output, int64 level}
//
// Changes of inputs come in the order of their times, none before what has been reached. An answer
// comes at the start, and for each grant when `until` is reached or, earlier, at the first accepted
// time point behind a crossing. Crossings are interpolated linearly between two points. Time never
// goes back behind an answer: the solver may reject a step, never a point that it has accepted.
//
// There is no second thread and no command in between: ngspice runs one `run`, and the callback of
// an accepted point waits for the next grant. Changes of inputs are break points, as those of a PWL
// source are. The end of a grant is none: there the next step is only cut so that it ends there.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

// As in ngspice's sharedspice.h.
struct Value { char *name; double real, imaginary; bool is_scale, is_complex; };
struct Values { int count, index; Value **values; };
using Print = int (*)(char *, int, void *);
using Exit = int (*)(int, bool, bool, int, void *);
using Data = int (*)(Values *, int, int, void *);
using InitData = int (*)(void *, int, void *);
using Running = int (*)(bool, int, void *);
using Source = int (*)(double *, double, char *, int, void *);
using Sync = int (*)(double, double *, double, int, int, int, void *);

struct Event { double time; int64_t wire, level; };
struct Input { double level = 0; size_t done = 0; std::vector<Event> changes; };

static bool (*set_break)(double);
static double high, ramp, threshold;
static double until = 0, last = 0;
static bool started = false;
static std::map<std::string, Input> inputs;
static std::vector<std::string> input_names, output_names, recorded_names;
static std::vector<int> output_index, recorded_index;
static std::vector<double> before;
static std::vector<Event> crossings;
static FILE *record, *answers;

static std::vector<std::string> split(const char *text) {
  std::vector<std::string> names;
  for (const char *at = text; *at;) {
    const size_t n = strcspn(at, ",");
    names.emplace_back(at, n);
    at += n + (at[n] == ',');
  }
  return names;
}

static void answer(double reached, int64_t failed) {
  const int64_t n = crossings.size();
  fflush(record);
  fwrite(&reached, sizeof reached, 1, answers);
  fwrite(&failed, sizeof failed, 1, answers);
  fwrite(&n, sizeof n, 1, answers);
  fwrite(crossings.data(), sizeof(Event), n, answers);
  fflush(answers);
  crossings.clear();
}

static void take(void *into, size_t bytes) {
  if (bytes && fread(into, bytes, 1, stdin) != 1) _exit(0);  // whoever granted is gone
}

static void next_grant() {
  int64_t n;
  take(&until, sizeof until);
  take(&n, sizeof n);
  std::vector<Event> changes(n);
  take(changes.data(), n * sizeof(Event));
  for (const Event &change : changes) {
    inputs[input_names.at(change.wire)].changes.push_back(change);
    set_break(change.time);
    set_break(change.time + ramp);
  }
}

static int source(double *volts, double time, char *name, int, void *) {
  const Input &input = inputs[name];
  double level = input.level;
  for (size_t k = input.done; k < input.changes.size() && input.changes[k].time < time; k++) {
    const double part = std::min(1.0, (time - input.changes[k].time) / ramp);
    level += part * (high * input.changes[k].level - level);
  }
  *volts = level;
  return 0;
}

static int data(Values *point, int, int, void *) {
  if (!started) {
    std::map<std::string, int> index;
    for (int k = 0; k < point->count; k++) index[point->values[k]->name] = k;
    for (const auto &name : output_names) output_index.push_back(index.at(name));
    recorded_index.push_back(index.at("time"));
    for (const auto &name : recorded_names) recorded_index.push_back(index.at(name));
    before.resize(output_names.size());
  }
  const double time = point->values[recorded_index[0]]->real;
  for (int k : recorded_index) fwrite(&point->values[k]->real, sizeof(double), 1, record);
  for (size_t k = 0; k < output_index.size(); k++) {
    const double now = point->values[output_index[k]]->real;
    if (started && (before[k] < threshold) != (now < threshold)) {
      const double part = (threshold - before[k]) / (now - before[k]);
      crossings.push_back({last + part * (time - last), int64_t(k), now >= threshold});
    }
    before[k] = now;
  }
  for (auto &[name, input] : inputs)
    while (input.done < input.changes.size() && input.changes[input.done].time + ramp <= time)
      input.level = high * input.changes[input.done++].level;
  last = time;
  const bool there = until - time < 1e-15 + 1e-15 * until;
  if (there || !crossings.empty()) {
    started = true;
    std::stable_sort(crossings.begin(), crossings.end(),
                     [](const Event &a, const Event &b) { return a.time < b.time; });
    answer(there ? until : time, 0);
    next_grant();
  }
  return 0;
}

static int sync(double time, double *step, double, int redo, int, int place, void *) {
  if (place == 0) {  // the next step; two equal ones rather than a tiny last one
    const double left = until - time, rest = left - *step;
    if (rest <= 0) *step = left;
    else if (rest < *step && rest > 1e-12) *step = left / 2;
  }
  return redo;
}

static int print(char *text, int, void *) {
  fprintf(stderr, "%s\n", text);
  return 0;
}

static void fail(const char *why) {
  fprintf(stderr, "%s\n", why);
  answer(last, 1);
  _exit(70);
}

static int gave_up(int, bool, bool, int, void *) {
  fail("ngspice gave up");
  return 0;
}

int main(int, char **given) {
  answers = fdopen(dup(1), "wb");
  dup2(2, 1);  // what the library prints by itself must not mix with the answers
  setvbuf(stdin, nullptr, _IOFBF, 1 << 16);
  setvbuf(stderr, nullptr, _IOLBF, 0);
  record = fopen(given[2], "wb");
  high = atof(given[3]), ramp = atof(given[4]), threshold = atof(given[5]);
  input_names = split(given[6]), output_names = split(given[7]), recorded_names = split(given[8]);
  for (const auto &name : input_names) inputs[name];

  void *library = dlopen(LIBRARY, RTLD_NOW);
  if (!library) fail(dlerror());
  const auto find = [&](const char *name) { return dlsym(library, name); };
  const auto init = (int (*)(Print, Print, Exit, Data, InitData, Running, void *))find("ngSpice_Init");
  const auto init_sync = (int (*)(Source, Source, Sync, int *, void *))find("ngSpice_Init_Sync");
  const auto command = (int (*)(char *))find("ngSpice_Command");
  set_break = (bool (*)(double))find("ngSpice_SetBkpt");
  int ident = 0;
  const auto nothing = [](char *, int, void *) { return 0; };
  init(print, nothing, gave_up, data, [](void *, int, void *) { return 0; },
       [](bool, int, void *) { return 0; }, nullptr);
  init_sync(source, source, sync, &ident, nullptr);
  const auto run = [&](std::string text) { return command(text.data()); };
  run("set num_threads=1");  // OpenMP threads that wait for each other cost up to 25 times
  if (run(std::string("source ") + given[1]) || run("run") || !started) fail("the run failed");
  fail("the transient ended before its last grant");
}
