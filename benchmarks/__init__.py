"""Where the README's figures come from: ratios and stages measured side by side in one run."""
