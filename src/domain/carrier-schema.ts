import { z } from 'zod';
import { carrierCostShape } from './carrier-cost-schema.ts';
import { carrierFailoverShape } from './carrier-failover-schema.ts';
import { carrierLinkShape, mayOutbind } from './carrier-link-schema.ts';
import { carrierQualityShape } from './carrier-quality-schema.ts';
import { carrierQuirks } from './carrier-quirks-schema.ts';
import { carrierReceiptShape } from './carrier-receipt-schema.ts';
import { receiptDialect } from './receipt-dialect-schema.ts';
import { count, graceHours, name, password, rate, systemId, whole } from './schema-parts.ts';

/** An upstream SMSC. */
export const carrierSchema = z
  .strictObject({
    name,
    host: z.string().min(1).max(253),
    port: whole(0, 65535),
    systemId,
    password: password.optional(),
    sealedPassword: z.string().min(1).optional(),
    bindAs: z.enum(['transceiver', 'transmitter+receiver']).default('transceiver'),
    binds: whole(1, 100).default(2),
    windowMax: count.default(100),
    segmentsPerSecond: rate.default(0),
    ...carrierLinkShape,
    ids: z
      .strictObject({
        response: z.enum(['text', 'decimal', 'hex', 'auto']).default('text'),
        receipt: z.enum(['text', 'decimal', 'hex', 'auto']).default('text'),
      })
      .default({ response: 'text', receipt: 'text' }),
    ...carrierQuirks,
    ...receiptDialect,
    receipts: z.boolean().default(true),
    receiptGraceHours: graceHours.default(24),
    ...carrierCostShape,
    ...carrierFailoverShape,
    finalStates: z.array(z.enum(['ENROUTE', 'ACCEPTD'])).default([]),
    matchDestination: z.boolean().default(true),
    echoesUserMessageReference: z.boolean().default(false),
    ...carrierQualityShape,
    ...carrierReceiptShape,
  })
  .refine(
    (carrier) => (carrier.password === undefined) !== (carrier.sealedPassword === undefined),
    {
      path: ['password'],
      error: 'needs either password or sealedPassword',
    },
  )
  .refine(mayOutbind, {
    path: ['outbind'],
    error: 'is plain TCP and goes not together with tls',
  });
