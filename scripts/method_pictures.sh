#!/usr/bin/env bash
# Trains on a part of Fashion-MNIST with every rule, some epochs each, and draws what each rule's page
# shows: docs/pictures/methods/RULE.svg. Runs that are there are not made again.
#   scripts/method_pictures.sh [FOLDER]     default: runs/method_pictures
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-runs/method_pictures}
scripts/install_dependencies.sh build
scripts/build.sh cpu polder method_picture
mkdir -p docs/pictures/methods

# train NAME RULE [OPTION ...]
train() {
  local out=$folder/$1 rule=$2
  shift 2
  [ -f "$out/result.json" ] && return
  rm -rf "$out"
  build/cpu/app/polder train --config examples/method_pictures.toml --rule "$rule" "$@" --out "$out" | tail -1
}

# draw PAGE PANEL PLAIN RULE [OPTION ...]: PLAIN is the run of plain steps beside it
draw() {
  local page=$1 panel=$2 plain=$3
  shift 3
  train "$page" "$@"
  build/cpu/examples/method_picture "$folder/$page" "$folder/$plain" "$panel" "docs/pictures/methods/$page.svg"
}

train plain none
draw sam gap plain sam:rho=0.1
draw asam gap plain asam:rho=0.5
draw m_sharp_sam gap plain m_sharp_sam:rho=0.1
draw fisher_sam gap plain fisher_sam:rho=0.1
draw sparse_sam_fisher gap plain sparse_sam_fisher:rho=0.1
draw sparse_sam_dynamic gap plain sparse_sam_dynamic:rho=0.1
draw momentum_sam gradient_norm plain momentum_sam:rho=0.3
draw friendly_sam gap plain friendly_sam:rho=0.1
draw vasso gradient_norm plain vasso:rho=0.2
draw agnostic_sam gap plain agnostic_sam
draw tilted_sam gradient_norm plain tilted_sam
draw lookbehind_sam gap plain lookbehind_sam:rho=0.1
draw delta_sam gap plain delta_sam:rho=0.1
draw gnp gap plain gnp:rho=0.1
draw sagm signed_radius plain sagm
draw gsam radius plain gsam
draw curvature_sam gap plain curvature_sam
draw gam gap plain gam
draw look_sam gradient_norm plain look_sam:rho=0.1
draw random_sam gradient_norm plain random_sam:rho=0.1
draw ae_sam perturbed plain ae_sam:rho=0.1
draw ae_look_sam age plain ae_look_sam:rho=0.1
draw esam gap plain esam:rho=0.1
draw k_sam gap plain k_sam:rho=0.1
draw au_sam gap plain au_sam:rho=0.1
draw saf accuracy plain saf:start_epoch=2
draw mesa accuracy plain mesa:start_epoch=1,beta=0.99
draw wasam accuracy plain wasam:rho=0.1,start=0.5
draw lets radius plain lets_sam:lr_nu=0.02,gap_batch=fresh
# Its authors' learning rate.
draw bayes_sam noisy_loss plain bayes_sam --lr 0.5
# Another base optimizer.
adaptive=(--optimizer amsgrad --lr 0.001)
train plain_amsgrad none "${adaptive[@]}"
draw ada_sam gap plain_amsgrad sam:rho=0.1 "${adaptive[@]}"
# LeNet has no normalisation layers.
normed=(--model resnet20 --activation "")
train plain_resnet none "${normed[@]}"
draw sam_on gap plain_resnet sam_on "${normed[@]}"
