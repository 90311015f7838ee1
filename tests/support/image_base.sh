#!/bin/sh
# Sets up what `make test-image` needs: buildah and debootstrap from Debian's packages, and in the file that is named a
# root file system of Debian 12 with its Python (3.11), from the mirror that apt uses. An image to build packages on
# without a registry; nobody deploys it.
set -eu
base=$1
. /etc/os-release
if [ "$(id -u)" != 0 ] || [ "$ID" != debian ]; then
  echo "Images are built and run with buildah and debootstrap, which this target installs for root on Debian only." >&2
  exit 1
fi
for program in buildah debootstrap ip; do
  command -v "$program" >/dev/null && continue
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends buildah debootstrap iproute2
  break
done
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' | head -n 1)
mkdir -p "$(dirname "$base")"
folder=$(mktemp -d)
trap 'rm -rf "$folder" "$base.new"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv bookworm "$folder/files" \
  "${mirror:-http://deb.debian.org/debian}" >"$base.log" 2>&1 || { tail -n 5 "$base.log" >&2; exit 1; }
rm -rf "$folder"/files/var/cache/apt/archives/*.deb "$folder"/files/var/lib/apt/lists/*
tar -C "$folder/files" --one-file-system -cf "$base.new" .
mv "$base.new" "$base"
