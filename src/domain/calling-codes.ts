/*
 * Whose number it is, by its first digits.
 *
 * Country codes: ITU-T, "List of ITU-T Recommendation E.164 assigned country codes" (Annex to Operational Bulletin 1114,
 * 15.XII.2016, and its amendments up to 2024), by ISO 3166-1 alpha-2. Codes that are no country's (800, 870, 878, 881 to
 * 883, 888, 979, 991) are absent: their numbers have no country. Where several share a code, the more exact prefixes are
 * below it: national numbering plans as notified to the ITU (Kazakhstan 7 6 and 7 7; Vatican 39 06 698; Isle of Man,
 * Guernsey and Jersey by their ranges at Ofcom; Svalbard 47 79; Aland 358 18; Reunion and Mayotte 262).
 *
 * Country code 1: area codes as the North American Numbering Plan Administrator lists them (2024), by country and, for
 * the United States and Canada, by the time zones (IANA) that lie in the area. "The zone" of an area that a border of
 * zones cuts is all of them.
 */

/** ISO 3166-1 alpha-2 and its prefixes of E.164 numbers; the longest that fits a number says whose it is. */
export const CALLING_CODES = `
AC 247|AD 376|AE 971|AF 93|AL 355|AM 374|AO 244|AR 54|AT 43|AU 61|AW 297|AX 35818|AZ 994|BA 387|BD 880|BE 32|BF 226
BG 359|BH 973|BI 257|BJ 229|BN 673|BO 591|BQ 5993 5994 5997|BR 55|BT 975|BW 267|BY 375|BZ 501|CC 6189162|CD 243|CF 236
CG 242|CH 41|CI 225|CK 682|CL 56|CM 237|CN 86|CO 57|CR 506|CU 53|CV 238|CW 599|CX 6189164|CY 357|CZ 420|DE 49|DJ 253
DK 45|DZ 213|EC 593|EE 372|EG 20|EH 2125288 2125289|ER 291|ES 34|ET 251|FI 358|FJ 679|FK 500|FM 691|FO 298|FR 33
GA 241|GB 44|GE 995|GF 594|GG 441481 447781 447839 447911|GH 233|GI 350|GL 299|GM 220|GN 224|GP 590|GQ 240|GR 30|GT 502
GW 245|GY 592|HK 852|HN 504|HR 385|HT 509|HU 36|ID 62|IE 353|IL 972|IM 441624 447524 447624 447924|IN 91|IO 246|IQ 964
IR 98|IS 354|IT 39|JE 441534 447509 447797 447829 447937|JO 962|JP 81|KE 254|KG 996|KH 855|KI 686|KM 269|KP 850
KR 82|KW 965|KZ 76 77|LA 856|LB 961|LI 423|LK 94|LR 231|LS 266|LT 370|LU 352|LV 371|LY 218|MA 212|MC 377|MD 373|ME 382
MG 261|MH 692|MK 389|ML 223|MM 95|MN 976|MO 853|MQ 596|MR 222|MT 356|MU 230|MV 960|MW 265|MX 52|MY 60|MZ 258|NA 264
NC 687|NE 227|NF 6723|NG 234|NI 505|NL 31|NO 47|NP 977|NR 674|NU 683|NZ 64|OM 968|PA 507|PE 51|PF 689|PG 675|PH 63
PK 92|PL 48|PM 508|PS 970|PT 351|PW 680|PY 595|QA 974|RE 262|RO 40|RS 381|RU 7|RW 250|SA 966|SB 677|SC 248|SD 249|SE 46
SG 65|SH 290|SI 386|SJ 4779|SK 421|SL 232|SM 378|SN 221|SO 252|SR 597|SS 211|ST 239|SV 503|SY 963|SZ 268|TD 235|TG 228
TH 66|TJ 992|TK 690|TL 670|TM 993|TN 216|TO 676|TR 90|TV 688|TW 886|TZ 255|UA 380|UG 256|UY 598|UZ 998|VA 3906698
VE 58|VN 84|VU 678|WF 681|WS 685|XK 383|YE 967|YT 262269 262639|ZA 27|ZM 260|ZW 263
`;

/** Countries of code 1 but for the United States and Canada, by area codes. */
export const NANP_COUNTRIES = `
AG 268|AI 264|AS 684|BB 246|BM 441|BS 242|DM 767|DO 809 829 849|GD 473|GU 671|JM 658 876|KN 869|KY 345|LC 758|MP 670
MS 664|PR 787 939|SX 721|TC 649|TT 868|VC 784|VG 284|VI 340
`;

/** Area codes of the United States by the IANA zones in them. */
export const US_AREAS: readonly (readonly [zones: readonly string[], areas: string])[] = [
  [
    ['America/New_York'],
    '201 202 203 207 212 215 216 220 223 227 229 231 234 239 240 248 252 267 269 272 276 283 301 302 304 305 313 315 ' +
      '317 321 324 326 329 330 332 336 339 347 351 352 363 380 386 401 404 407 410 412 413 419 434 436 440 443 445 463 ' +
      '470 472 475 478 484 502 508 513 516 517 518 540 551 561 567 570 571 582 585 586 603 606 607 609 610 614 616 617 ' +
      '624 631 640 645 646 656 667 678 679 680 681 686 689 703 704 706 716 717 718 724 727 728 732 734 740 743 754 757 ' +
      '762 765 770 772 774 781 786 802 803 804 810 813 814 821 826 828 835 838 839 843 845 848 854 856 857 859 860 861 ' +
      '862 863 864 865 878 904 908 910 912 914 917 919 929 934 937 941 943 947 948 954 959 973 978 980 984 989 260',
  ],
  [
    ['America/Chicago'],
    '205 210 214 217 218 224 225 228 235 251 254 256 262 274 281 309 312 314 316 318 319 320 325 327 331 334 337 346 ' +
      '353 361 402 405 409 414 417 430 432 447 464 469 471 479 501 504 507 512 515 531 534 539 557 563 573 580 601 608 ' +
      '612 615 618 629 630 636 641 651 659 660 662 682 708 712 713 715 726 729 730 731 737 763 769 773 779 806 815 816 ' +
      '817 830 832 847 870 872 901 903 913 918 920 924 936 938 940 945 952 956 972 975 979 985',
  ],
  [['America/Denver'], '303 307 385 406 435 505 575 719 720 801 915 970 983'],
  [
    ['America/Los_Angeles'],
    '206 209 213 253 279 310 323 341 350 357 360 369 408 415 424 425 442 503 509 510 530 559 562 564 619 626 628 650 ' +
      '657 661 669 702 707 714 725 738 747 760 805 818 820 831 837 840 858 909 916 925 949 951 971 775',
  ],
  [['America/Phoenix'], '480 520 602 623'],
  [['America/Phoenix', 'America/Denver'], '928'],
  [['America/Anchorage', 'America/Adak'], '907'],
  [['Pacific/Honolulu'], '808'],
  // Cut by the border of Eastern and Central time.
  [['America/New_York', 'America/Chicago'], '219 270 364 423 448 574 812 850 906 930 931'],
  // Cut by the border of Central and Mountain time.
  [['America/Chicago', 'America/Denver'], '308 605 620 701 785'],
  // Cut by the border of Mountain and Pacific time.
  [['America/Denver', 'America/Los_Angeles'], '208 458 541 986'],
];

/** Area codes of Canada by the IANA zones in them. */
export const CANADA_AREAS: readonly (readonly [zones: readonly string[], areas: string])[] = [
  [['America/Vancouver'], '604'],
  [['America/Vancouver', 'America/Edmonton'], '236 250 257 672 778'],
  [['America/Edmonton'], '368 403 587 780 825'],
  [['America/Regina'], '306 474 639'],
  [['America/Winnipeg'], '204 431 584'],
  [
    ['America/Toronto'],
    '226 249 263 289 343 354 365 382 416 437 438 450 460 468 514 519 548 613 647 683 705 742 753 819 873 905 942',
  ],
  [['America/Toronto', 'America/Winnipeg'], '807'],
  [['America/Toronto', 'America/Halifax'], '367 418 581'],
  [['America/Halifax'], '428 506 782 902'],
  [['America/St_Johns', 'America/Goose_Bay'], '709 879'],
  [['America/Whitehorse', 'America/Yellowknife', 'America/Rankin_Inlet', 'America/Iqaluit'], '867'],
];
