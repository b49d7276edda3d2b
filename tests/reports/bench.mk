# Report of a large fleet: 1,000 nodes × 10,000 services, 24 slots. Aim: 5 s, 10 MB.
.PHONY: bench-reports
bench-reports: $(BUILD)/cotenant
	@mkdir -p $(BUILD)/bench-reports
	@python3 tests/reports/generate.py $(BUILD)/bench-reports 1000 10000 24
	@for f in html json csv text; do \
		/usr/bin/env bash -c 'TIMEFORMAT=%R; s=$$({ time $(BUILD)/cotenant report $(BUILD)/bench-reports/plan.json $(BUILD)/bench-reports/model.json \
			--instance $(BUILD)/bench-reports/instance.json --format '$$f' -o $(BUILD)/bench-reports/out.'$$f'; } 2>&1); \
			printf "report %-5s 1,000 nodes x 10,000 services: %s s, %s bytes\n" '$$f' "$$s" $$(stat -c %s $(BUILD)/bench-reports/out.'$$f')'; \
	done
