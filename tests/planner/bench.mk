# Benchmarks of the planner's folder.
.PHONY: bench-model
bench-model: $(BUILD)/tests/planner/bench_model
	tests/planner/bench_model.sh $(BUILD)
