#!/bin/sh
# The install steps of both images: install.sh cpu|gpu VENV BUNDLES
# Run from the root of the sources. Versions are those that are tested together; torch is never among them.
set -eu
kind=$1 venv=$2 bundles=$3

python3 -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet -c constraints.txt packaging

# the web console becomes part of the service's package; what builds it does not stay
console=$(mktemp -d)
python3 -m venv "$console"
"$console/bin/python" clients/console/build.py
rm -rf "$console" clients/console/node_modules

pip install --quiet --no-deps ./clients/python .
"$venv/bin/python" docker/requirements.py "$kind" > "$venv/requirements.txt"
if [ "$kind" = cpu ]; then
    # the constraint names the GPU build; the plain one has the same versions
    sed 's/^onnxruntime-gpu==/onnxruntime==/' constraints.txt > "$venv/constraints.txt"
else
    cp constraints.txt "$venv/constraints.txt"
fi
pip install --quiet -c "$venv/constraints.txt" -r "$venv/requirements.txt"

# the ensembles that ship begin the volume of bundles
zoo=$("$venv/bin/python" -c "from elitscope_models.zoo import zoo_folder; print(zoo_folder())")
mkdir -p "$bundles"
for bundle in "$zoo"/*/manifest.json; do
    cp -r "$(dirname "$bundle")" "$bundles/"
done
