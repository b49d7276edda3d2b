# Benchmarks of the planner's folder.
.PHONY: bench-model
bench-model: $(BUILD)/tests/planner/bench_model $(BUILD)/tests/planner/bench_blame
	tests/planner/bench_model.sh $(BUILD)

# FULL=1: everything; DATA: folder of the public instances. Each table is one script tests/planner/bench_NAME.sh BUILD.
.PHONY: bench-planner bench-eval
PLANNER_TABLES := $(filter-out tests/planner/bench_model.sh,$(wildcard tests/planner/bench_*.sh))
bench-eval: $(BUILD)/tests/planner/bench_eval
	$<
bench-planner: $(BUILD)/cotenant $(BUILD)/tests/planner/bench_planted bench-eval
	@for t in $(PLANNER_TABLES); do echo "== $$t"; DATA='$(DATA)' FULL='$(FULL)' bash $$t $(BUILD) || exit 1; done
.PHONY: bench-vbp
bench-vbp: $(BUILD)/cotenant
	DATA='$(DATA)' FULL='$(FULL)' tests/planner/bench_vbp.sh $(BUILD)

.PHONY: bench-roadef bench-tianchi
bench-roadef: $(BUILD)/cotenant
	tests/planner/bench_roadef.sh $(BUILD)
bench-tianchi: $(BUILD)/cotenant
	tests/planner/bench_tianchi.sh $(BUILD)
# The model on made-up truths of several laws: PLANS=n only the first n of each.
.PHONY: bench-families
bench-families: $(BUILD)/tests/planner/bench_families
	$< $(PLANS)
# Does the run that `fit` advises teach more than a random one?
.PHONY: bench-advise
bench-advise: $(BUILD)/tests/planner/bench_advise
	$<
# Large fleets; FULL=0: a tenth, SHAPES=0: the main one only.
.PHONY: bench-scale
bench-scale: $(BUILD)/cotenant $(BUILD)/tests/planner/bench_planted
	FULL='$(or $(FULL),1)' tests/planner/bench_scale.sh $(BUILD)
