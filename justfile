# What CI runs
check:
    .ci/run

# All tests, or those whose name holds the filter
test *filter:
    cargo test {{filter}}

# Lints, warnings denied
lint:
    cargo clippy --all-targets --locked -- -D warnings

# Format everything
fmt:
    cargo fmt

# Plan and apply a production environment in the sandbox
demo:
    cargo run -- apply blueprints/birthday-api.yaml --env prod --sandbox --yes

# Write the generated pages of docs/ and the schema anew
docs:
    UPDATE_DOCS=1 cargo test docs
