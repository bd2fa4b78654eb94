#!/usr/bin/env bash
# The whole road, reproduced: the quick start on Fashion-MNIST, its accuracies in ONNX Runtime, and ResNet-20 on CIFAR-10 (quantized; pruned
# to half and fine-tuned against its own fine-tuned float self). Needs Node.js for the oracle and, for the second part, the path of
# a CIFAR-10 ResNet-20 as ONNX:
#
#   bench/road.sh OUT [RESNET20.onnx]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
out="${1:?usage: bench/road.sh OUT [RESNET20.onnx]}"
resnet="${2:-}"
mkdir -p "$out"

[[ -d "$root/bench/peers/node_modules" ]] || (cd "$root/bench/peers" && npm install --ignore-scripts --no-audit --no-fund)

echo "== quick start"
time "$root/nabi" quickstart -o "$out/quickstart"

echo "== the same files in ONNX Runtime"
fashion="$("$root/nabi" data --json | sed -n '/fashion-mnist/,/location/ s/.*"location": "\(.*\)".*/\1/p' | head -1)"
for variant in original recommended; do
    node "$root/bench/peers/accuracy.mjs" "$out/quickstart/$variant.onnx" "$fashion/t10k-images-idx3-ubyte.gz" "$fashion/t10k-labels-idx1-ubyte.gz"
done

[[ -n "$resnet" ]] || exit 0
imagenet=(--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225)

echo "== ResNet-20 as it is, and as int8"
"$root/nabi" compress "$resnet" --data cifar10 "${imagenet[@]}" --recipe int8-ptq -o "$out/resnet20-int8"

echo "== ResNet-20 fine-tuned, then pruned to half its multiply-accumulates and fine-tuned on the same data"
"$root/nabi" train "$resnet" --data cifar10 "${imagenet[@]}" --epochs 4 --batch 128 --lr 0.005 --clip 2 --augment crop,flip --seed 1 -o "$out/resnet20-float.onnx"
"$root/nabi" compress "$out/resnet20-float.onnx" --data cifar10 --recipe "$root/bench/recipes/resnet20-half.yaml" --max-drop 2% --seed 1 -o "$out/resnet20-half"
