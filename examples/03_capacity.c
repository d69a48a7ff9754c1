/* Capacity: how many random patterns of 100 components a memory keeps. Separations of higher
 * order keep more, about D^(n-1) of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <engram/engram.h>

int main(void)
{
    const size_t loads[] = { 5, 20, 200, 1000 };
    enum { LOADS = sizeof loads / sizeof loads[0], ORDERS = 3 };
    double recovered[ORDERS][LOADS];

    printf("share of memories recovered from 10 %% flipped components, D = 100\n%8s", "N");
    for (int n = 0; n < LOADS; n++) printf("%8zu", loads[n]);
    for (int order = 2; order < 2 + ORDERS; order++) {
        printf("\nn = %d   ", order);
        for (int n = 0; n < LOADS; n++) {
            eg_capacity_options options = EG_CAPACITY_OPTIONS_INIT;
            options.n = loads[n];
            options.trials = 100;
            options.draws = 4;
            options.memory.rule.separation = EG_SEP_RECTIFIED;
            options.memory.rule.projection = EG_PROJ_SIGN;
            options.memory.rule.order = order;
            eg_capacity_result result;
            if (eg_capacity_measure(&options, &result) != EG_OK) {
                fprintf(stderr, "%s\n", eg_error_detail());
                return 1;
            }
            recovered[order - 2][n] = result.recovered;
            printf("%8.2f", result.recovered);
        }
    }
    printf("\n");
    const int few_are_kept = recovered[0][0] > 0.9 && recovered[2][0] > 0.9;
    const int order_2_is_full = recovered[0][3] < 0.1;
    const int order_4_is_not = recovered[2][3] > 0.9;
    return few_are_kept && order_2_is_full && order_4_is_not ? 0 : 1;
}
