import { countryOf } from './number-country.ts';

/*
 * Which countries a mobile country code (the first three digits of E.212) serves.
 *
 * ITU-T E.212, "List of mobile country or geographical area codes" (Annex to Operational Bulletin 1117, 1.II.2017, and
 * its amendments), by ISO 3166-1 alpha-2; compared with npm mcc-mnc-list 1.1.11 (MIT), which has the networks in service
 * under each code. Territories without a code of their own stand under the one that their networks use (Jersey 234,
 * Svalbard 242, Western Sahara 604). Codes that are no country's (001, 901, 999) are absent, and so are those that are
 * not the ITU's (289, 995).
 */

/** ISO 3166-1 alpha-2 and its mobile country codes, its own before one that it shares. */
const MOBILE_COUNTRY_CODES = `
AC 658|AD 213|AE 424 430 431|AF 412|AG 344|AI 365|AL 276|AM 283|AO 631|AR 722|AS 544|AT 232|AU 505|AW 363|AX 244
AZ 400|BA 218|BB 342|BD 470|BE 206|BF 613|BG 284|BH 426|BI 642|BJ 616|BL 340|BM 350|BN 528|BO 736|BQ 362|BR 724|BS 364
BT 402|BW 652|BY 257|BZ 702|CA 302|CC 505|CD 630|CF 623|CG 629|CH 228|CI 612|CK 548|CL 730|CM 624|CN 460 461|CO 732
CR 712|CU 368|CV 625|CW 362|CX 505|CY 280|CZ 230|DE 262|DJ 638|DK 238|DM 366|DO 370|DZ 603|EC 740|EE 248|EG 602|EH 604
ER 657|ES 214|ET 636|FI 244|FJ 542|FK 750|FM 550|FO 288|FR 208|GA 628|GB 234 235|GD 352|GE 282|GF 742 340|GG 234 235
GH 620|GI 266|GL 290|GM 607|GN 611|GP 340|GQ 627|GR 202|GT 704|GU 535|GW 632|GY 738|HK 454|HN 708|HR 219|HT 372|HU 216
ID 510|IE 272|IL 425|IM 234 235|IN 404 405 406|IQ 418|IR 432|IS 274|IT 222|JE 234 235|JM 338|JO 416|JP 440 441|KE 639
KG 437|KH 456|KI 545|KM 654|KN 356|KP 467|KR 450|KW 419|KY 346|KZ 401|LA 457|LB 415|LC 358|LI 295|LK 413|LR 618|LS 651
LT 246|LU 270|LV 247|LY 606|MA 604|MC 212|MD 259|ME 297|MF 340|MG 646|MH 551|MK 294|ML 610|MM 414|MN 428|MO 455|MP 534
MQ 340|MR 609|MS 354|MT 278|MU 617|MV 472|MW 650|MX 334|MY 502|MZ 643|NA 649|NC 546|NE 614|NF 505|NG 621|NI 710|NL 204
NO 242|NP 429|NR 536|NU 555|NZ 530|OM 422|PA 714|PE 716|PF 547|PG 537|PH 515|PK 410|PL 260|PM 308|PR 330|PS 425|PT 268
PW 552|PY 744|QA 427|RE 647|RO 226|RS 220|RU 250|RW 635|SA 420|SB 540|SC 633|SD 634|SE 240|SG 525|SH 658|SI 293|SJ 242
SK 231|SL 619|SM 292|SN 608|SO 637|SR 746|SS 659|ST 626|SV 706|SX 362|SY 417|SZ 653|TC 376|TD 622|TG 615|TH 520|TJ 436
TK 554|TL 514|TM 438|TN 605|TO 539|TR 286|TT 374|TV 553|TW 466|TZ 640|UA 255|UG 641|US 310 311 312 313 314 315 316
UY 748|UZ 434|VA 225|VC 360|VE 734|VG 348|VI 332|VN 452|VU 541|WF 543|WS 549|XK 221|YE 421|YT 647|ZA 655|ZM 645|ZW 648
`;

/** Countries in which networks under another's code are in service beside those under their own. */
const ABROAD = `
AS 311|BM 310 338|GU 310 311|KY 338|LC 338|MP 310|MS 338|PR 310 313|TC 338|VI 310 311
`;

/** ITU-T E.212 §4. */
export const MCC_DIGITS = 3;

const OWN = codesByCountry(MOBILE_COUNTRY_CODES);
const COUNTRIES = countriesByCode([...OWN, ...codesByCountry(ABROAD)]);
const BESIDE = codesBeside();

/** Every country (ISO 3166-1 alpha-2) in which a mobile country code is in service; none: it is no country's. */
export function countriesOfMcc(mcc: string): readonly string[] {
  return COUNTRIES.get(mcc) ?? [];
}

/**
 * The mobile country code of a number's country, the first where it has several ("310"); undefined: it has none.
 * @param msisdn E.164 digits
 */
export function mccOf(msisdn: string): string | undefined {
  return OWN.get(countryOf(msisdn) ?? '')?.[0];
}

/** Whether a code is an MCC alone, without MNC. */
export function isMccAlone(code: string): boolean {
  return code.length === MCC_DIGITS;
}

/**
 * The codes by which a number of this network may be named, the most exact first: MCC and MNC, then the MCC. Where only
 * its country is known they are all MCCs of that country: 404 is 405 and 406, too.
 */
export function codesOf(network: string): readonly string[] {
  return isMccAlone(network)
    ? (BESIDE.get(network) ?? [network])
    : [network, network.slice(0, MCC_DIGITS)];
}

/** Of "US 310 311|JP 440 441". */
function codesByCountry(table: string): Map<string, readonly string[]> {
  const lines = table.trim().split(/[|\n]/);
  return new Map(
    lines.map((line) => {
      const [country = '', ...codes] = line.split(' ');
      return [country, codes] as const;
    }),
  );
}

function countriesByCode(
  entries: Iterable<readonly [country: string, codes: readonly string[]]>,
): Map<string, string[]> {
  const countries = new Map<string, string[]>();
  for (const [country, codes] of entries)
    for (const code of codes) countries.set(code, [...(countries.get(code) ?? []), country]);
  return countries;
}

/** By the first code of countries: all codes of theirs. */
function codesBeside(): Map<string, readonly string[]> {
  const beside = new Map<string, readonly string[]>();
  for (const codes of OWN.values()) {
    const [first = ''] = codes;
    beside.set(first, [...new Set([...(beside.get(first) ?? []), ...codes])]);
  }
  return beside;
}
