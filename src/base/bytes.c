/* SPDX-License-Identifier: Apache-2.0 */
#include <xxhash.h>

#include "base/egi_base.h"

uint32_t egi_load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t egi_load_le64(const uint8_t *p)
{
    return (uint64_t)egi_load_le32(p) | (uint64_t)egi_load_le32(p + 4) << 32;
}

void egi_store_le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

void egi_store_le64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

uint32_t egi_load_be32(const uint8_t *p)
{
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

uint64_t egi_hash(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}
