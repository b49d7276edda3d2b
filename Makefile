# make            build build/cotenant
# make check      everything a developer runs before a commit: layers, static analysis, tests, tests under sanitizers
# make test       install what is needed (apt, as root) and run the tests: README's second command
# make demo       install what is needed and show the main job on this machine: README's first command
# make bench-*    print the figures that README and docs quote
# make install    DESTDIR and PREFIX as usual

VERSION := 0.1
PREFIX ?= /usr/local
BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PKGS := gsl sqlite3 jansson zlib libbpf libelf

WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wno-psabi -Werror
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -DCOTENANT_VERSION='"$(VERSION)"' -I. -I$(BUILD) $(WARN) -pthread $(CFLAGS) $(SAN)
LDLIBS := -lbpf -lelf -lz -lgsl -lgslcblas -lsqlite3 -ljansson -lmicrohttpd -lm -pthread
BPF_ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
# Instruction set 2 suffices on x86; elsewhere the sequence lock wants additions that return their value (Linux 5.12; arm64: 5.18).
BPF_CPU := $(if $(filter x86,$(BPF_ARCH)),v2,v3)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=$(BPF_CPU) -D__TARGET_ARCH_$(BPF_ARCH) -I. -I/usr/include/$(shell uname -m)-linux-gnu -Wall -Wextra -Wno-unused-parameter -Werror

DIRS := base probes collector planner reports
SRCS := $(filter-out %.bpf.c,$(foreach d,$(DIRS),$(wildcard $(d)/*.c $(d)/*/*.c $(d)/*/*/*.c)))
OBJS := $(SRCS:%.c=$(BUILD)/%.o)
BPF := $(wildcard probes/*.bpf.c)
SKELS := $(BPF:%.bpf.c=$(BUILD)/%.skel.h)
TEST_SRCS := $(wildcard tests/*/test_*.c)
TESTS := $(TEST_SRCS:%.c=$(BUILD)/%)
TEST_HELPERS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(TEST_SRCS) %.bpf.c $(wildcard tests/*/bench_*.c tests/*/fuzz_*.c),$(wildcard tests/*/*.c)))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/bench_*.c))

.PHONY: all lab lab-jvm test-run check test demo layers lint unit scripts asan install clean deps help
.SECONDARY:
all: $(BUILD)/cotenant $(BUILD)/docs/cotenant.1 $(BUILD)/docs/cotenant.bash

$(BUILD)/cotenant: $(BUILD)/main.o $(BUILD)/libcotenant.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libcotenant.a: $(OBJS)
	@rm -f $@
	ar rcs $@ $^

# The solvers' inner loops want the vectoriser.
$(BUILD)/planner/%.o: ALL_CFLAGS += -O3

$(BUILD)/%.o: %.c | $(SKELS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<
	llvm-strip -g $@

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp && mv $@.tmp $@

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_HELPERS) $(BUILD)/libcotenant.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka -lglpk $(LDLIBS)

$(BUILD)/docs/cotenant.1: docs/cotenant.1.in $(BUILD)/cotenant
	@mkdir -p $(@D)
	$(BUILD)/cotenant --man > $(BUILD)/docs/verbs.man
	sed -e '/@VERBS@/{r $(BUILD)/docs/verbs.man' -e 'd}' -e 's/@VERSION@/$(VERSION)/' $< > $@

$(BUILD)/docs/cotenant.bash: docs/completion.bash.in $(BUILD)/cotenant
	@mkdir -p $(@D)
	$(BUILD)/cotenant --completion > $(BUILD)/docs/words
	sed -e '/@WORDS@/{r $(BUILD)/docs/words' -e 'd}' $< > $@

# Which folder may include which: data flows one way.
layers:
	tests/layers.sh

unit: $(TESTS)
scripts: $(BUILD)/cotenant
test-run: all unit
	tests/run.sh $(BUILD)

lint: $(SKELS)
	tests/lint.sh

asan:
	$(MAKE) BUILD=build/asan SAN="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" CFLAGS="-O1 -g" all unit
	tests/run.sh build/asan unprivileged

check: layers lint test-run asan

deps:
	tests/deps.sh

test: deps
	$(MAKE) test-run

demo: deps
	$(MAKE) all
	tests/demo.sh $(BUILD)

# A designed experiment with six real services (about 45 minutes; BUDGET=10m for a shorter one).
lab: all
	tests/lab/run.sh $(BUILD) tests/lab/services.json

# The same with Kafka, Cassandra and Spark, which are fetched (about 15 minutes).
lab-jvm: all
	tests/lab/jvm_fetch.sh
	OUT=$(or $(OUT),build/lab-jvm) tests/lab/run.sh $(BUILD) tests/lab/jvm.json

install: all
	install -Dm755 $(BUILD)/cotenant $(DESTDIR)$(PREFIX)/bin/cotenant
	install -Dm644 $(BUILD)/docs/cotenant.1 $(DESTDIR)$(PREFIX)/share/man/man1/cotenant.1
	install -Dm644 $(BUILD)/docs/cotenant.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cotenant

clean:
	rm -rf build

# Benchmarks stand in one file per folder, so that each grows beside what it measures.
-include tests/*/bench.mk
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
