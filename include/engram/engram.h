/* engram/engram.h - all of libengram's public interface. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_ENGRAM_H
#define ENGRAM_ENGRAM_H

#include "engram/alloc.h"
#include "engram/association.h"
#include "engram/attack.h"
#include "engram/binary.h"
#include "engram/binary_lab.h"
#include "engram/capacity.h"
#include "engram/catalogue.h"
#include "engram/dam.h"
#include "engram/dataset.h"
#include "engram/hybrid.h"
#include "engram/image.h"
#include "engram/inspect.h"
#include "engram/learner.h"
#include "engram/memory.h"
#include "engram/memory_file.h"
#include "engram/onnx.h"
#include "engram/operations.h"
#include "engram/params.h"
#include "engram/progress.h"
#include "engram/quantiser.h"
#include "engram/random.h"
#include "engram/ranks.h"
#include "engram/repertoire.h"
#include "engram/routed.h"
#include "engram/run.h"
#include "engram/som.h"
#include "engram/status.h"
#include "engram/tape.h"
#include "engram/tensor.h"
#include "engram/theory.h"
#include "engram/train.h"
#include "engram/version.h"

#endif
