.PHONY: bench-probes truth-cpu test-kernels
# ns per switch beside runqlat and an empty program, per disk read beside biolatency, per packet beside softirqs
bench-probes: $(BUILD)/tests/probes/bench_hold $(BUILD)/tests/probes/bench_load $(BUILD)/tests/probes/empty.bpf.o
	tests/probes/bench-probes.sh $(BUILD)
	tests/probes/bench-io.sh $(BUILD)

# what recording costs redis and postgres, in alternating blocks (PAIRS=2: a look); the recorder's memory with 64 services; ns per program
PAIRS ?= 60
.PHONY: bench-overhead bench-rss
bench-overhead: all $(BUILD)/tests/collector/bench_overhead
	tests/probes/bench-overhead.sh $(BUILD) $(PAIRS)

# memory beside 64 services over half an hour (as root; RSS_SECONDS=240: a look)
RSS_SECONDS ?= 1800
bench-rss: all
	tests/probes/bench-rss.sh $(BUILD) $(RSS_SECONDS)

# docs/truth-cpu.md: expected and measured blame, scene by scene
truth-cpu: $(BUILD)/tests/probes/bench_truth_cpu
	$(BUILD)/tests/probes/bench_truth_cpu > $(BUILD)/truth-cpu.md
	cp $(BUILD)/truth-cpu.md docs/truth-cpu.md

# the probes on Debian's kernels, in virtual machines
test-kernels: all unit
	tests/vm/kernels.sh $(BUILD)

# Tables of docs/truth-disk.md, -net.md and -memory.md (as root).
TRUTH_IO := bench-truth-disk bench-truth-net bench-truth-memory
.PHONY: $(TRUTH_IO)
$(TRUTH_IO): bench-truth-%: $(BUILD)/tests/probes/test_% unit
	tests/probes/truth_io.sh $(BUILD) $*

# docs/truth-slowdown.md: estimated beside true slowdown of four servers next to CPU, disk and network neighbours (as root; about 7 minutes)
.PHONY: truth-slowdown
truth-slowdown: all
	OUT=docs/truth-slowdown.md tests/collector/truth_slowdown.sh $(BUILD)

# how far estimated slowdowns were off in a recorded lab campaign: the allowances of collector/slowdown.h
.PHONY: bench-slowdown-lab
bench-slowdown-lab:
	python3 tests/collector/slowdown_lab.py datasets/lab-2core

# completions of disk requests that BPF programs did not see, and on top of which threads they came (as root)
.PHONY: bench-missed-events
bench-missed-events: all
	python3 tests/probes/missed_events.py $(BUILD)
