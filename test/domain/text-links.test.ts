import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linksIn } from '../../src/domain/text-links.ts';

const hostsOf = (text: string) => linksIn(text).hosts;

describe('linksIn: hosts', () => {
  it.each([
    'Details:bit.ly/abc',
    'visit,bit.ly/abc,now',
    'link|bit.ly/abc',
    'Click👉bit.ly/abc',
    'go=bit.ly/abc',
    'http:\\\\bit.ly\\abc',
    'http:/bit.ly/abc',
    'bit.\u200bly/abc',
    'Click\u200bbit.ly/abc',
    'bit\u00ad.ly/abc',
    'bit[.]ly/abc',
    'bit(dot)ly/abc',
    'bit{ . }ly/abc',
    'ｂｉｔ．ｌｙ／abc',
    'bit。ly/abc',
    'ⓑⓘⓣ.ⓛⓨ/abc',
    'bit.ly⁄abc',
    'bit.ly./abc',
    'bit.ly:443/abc',
    'bit.ly?x=1',
    'now:BIT.LY/x',
    'my_bit.ly/abc',
    'اضغطbit.ly/abc',
    'Переходиbit.ly/abc',
    '*bit.ly/abc*',
    '"bit.ly/abc"',
    '…bit.ly/abc…',
    'http://good.com@bit.ly/abc',
    'http://a:b@bit.ly:80/abc',
    'http://good.com\\@bit.ly/abc',
    'http://bit%2Ely/abc',
    'good.com/x,bit.ly/abc',
    'good.com/?to=http://bit.ly/abc',
    'wa.me/1 http://bit.ly',
    'www.bit.ly',
    'mail me@bit.ly',
    'bit.lyالآن',
  ])('sees bit.ly in "%s"', (text) => {
    expect(hostsOf(text)).toContain('bit.ly');
  });

  it.each([
    ['evil.ninja', 'evil.ninja'],
    ['Go to evil.me now', 'evil.me'],
    ['Go to evil.Me', 'evil.me'],
    ['GO TO EVIL.ME NOW', 'evil.me'],
    ['http://evil/x', 'evil'],
    ['1.2.3.4/x', '1.2.3.4'],
    ['see 1.2.3.4:8080', '1.2.3.4'],
    ['http://3232235777/x', '3232235777'],
    ['http://[2001:db8::1]/x', '[2001:db8::1]'],
    ['tg://resolve?domain=evil', 'resolve'],
    ['http://evil.com\\@good.com/x', 'evil.com'],
    ['now:evil.com/x', 'evil.com'],
    ['evil.соm/x', 'evil.соm'], // с and о of Cyrillic
    ['777.casino', '777.casino'],
    ['888.ru', '888.ru'],
    ['пример.рф', 'пример.рф'],
    ['مثال.السعودية', 'مثال.السعودية'],
    ['भारत.भारत', 'भारत.भारत'],
    ['xn--e1afmkfd.xn--p1ai', 'xn--e1afmkfd.xn--p1ai'],
    ['t.me/evil', 't.me'],
    ['evil.zip/x', 'evil.zip'],
    ['shop.evil.co.uk', 'shop.evil.co.uk'],
    ['evil.newending2030/x?y=1', 'evil.newending2030'],
  ])('in "%s" sees %s', (text, host) => {
    expect(hostsOf(text)).toContain(host);
  });

  it('sees no host in a path or before an @', () => {
    expect(hostsOf('good.com/report.zip/x.me')).toEqual(['good.com']);
    expect(hostsOf('john.pro@good.com')).toEqual(['good.com']);
    expect(hostsOf('good.com/@24.71,46.67,15z')).toEqual(['good.com']);
  });

  it('sees a path in what a link leads to, not another link, unless it has a scheme', () => {
    expect(hostsOf('good.com/r?u=evil.com/x')).toEqual(['good.com']);
  });

  it('stops at its limit', () => {
    const text = Array.from({ length: 300 }, (_, n) => `h${n}.com`).join(' ');
    expect(hostsOf(text)).toHaveLength(200);
  });
});

describe('linksIn: telephone numbers', () => {
  it.each([
    ['+7 (900) 123-45-67', '79001234567'],
    ['+1 (415) 555-2671', '14155552671'],
    ['8 (800) 555-35-35', '88005553535'],
    ['8(800)555-35-35', '88005553535'],
    ['88001234', '88001234'],
    ['call +966 50 123 4567', '966501234567'],
    ['+966-50-123-4567', '966501234567'],
    ['+(966) 501234567', '966501234567'],
    ['00966501234567', '966501234567'],
    ['اتصل ٠٥٠١٢٣٤٥٦٧', '0501234567'],
    ['الآن ۰۳۰۰۱۲۳۴۵۶۷', '03001234567'],
    ['0️⃣5️⃣0️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣', '0501234567'],
    ['050\u200b123\u200b4567', '0501234567'],
    ['050_123_4567', '0501234567'],
    ['(02) 1234 5678', '0212345678'],
    ['01 23 45 67 89', '0123456789'],
    ['0 800 500 500', '0800500500'],
    ['0 5 0 1 2 3 4 5 6 7', '0501234567'],
    ['(415) 555-2671', '4155552671'],
    ['415.555.2671', '4155552671'],
    ['Bal 500 0501234567', '0501234567'],
    ['Open 24/7 0501234567', '0501234567'],
    ['22.11.2026 0501234567', '0501234567'],
    ['whatsapp 966501234567', '966501234567'],
    ['966501234567', '966501234567'],
    ['966 50 123 4567', '966501234567'],
    ['Call 920003344', '920003344'],
    ['Call us on 19623', '19623'],
    ['Звоните по номеру 245-67-89', '2456789'],
    ['тел.89161234567', '89161234567'],
    ['Звони89161234567', '89161234567'],
    ['اتصل على الرقم 80012345', '80012345'],
    ['رابطہ 111 225 229', '111225229'],
    ['To order 0501234567', '0501234567'],
    ['Для заказа 89001234567', '89001234567'],
    ['للطلب 0501234567', '0501234567'],
    ['Ref 12345678 call 0501234567', '0501234567'],
    ['0501234567,0507654321', '0507654321'],
    ['0501234567/0507654321', '0501234567'],
    ['call 24/7 on 800 1234', '8001234'],
    ['tel:+966501234567', '966501234567'],
  ])('in "%s" sees %s', (text, phone) => {
    expect(linksIn(text).phones).toContain(phone);
  });
});

it('sees one number where one is written in groups', () => {
  expect(linksIn('call 966-50-1234567').phones).toEqual(['966501234567']);
});

/** What banks, couriers, clinics and shops write: no link and no number to call in any. */
const INNOCENTS = [
  'Your bill is paid.Thanks for using our app.',
  'Parcel of 3.5kg, e.g.this one, is at the desk.',
  'Your order is ready now.In case of delay tell the driver.',
  'Payment received.Call centre hours are 9.00-18.00.',
  'Delivered.To rate us reply 1 to 5.',
  'Bill paid.It is your last one.',
  'Dear Mr.Ng, your table is booked.',
  'Dear Dr.So, the lab is open 9a.m.to 5p.m.today',
  'Meet at P.O.Box 1234, St.Pierre.',
  'Open 8.30a.m.-5.00p.m. daily, Sun. closed',
  'Paid SAR 500.50 on 22.11.2026 at 14.30. Bal: 1,200.75.',
  'SR 250.50.SR 12.00 fee applies',
  'Transfer of AED 1,250,000.00 to A/C XX4471 on 22/11/2026 14:30:55',
  'Transaction on 2026-11-22 14:30:55 at LULU for QAR 75.25',
  'From 01.12.2026 to 05.12.2026 1500 points are yours',
  'Valid 01/12/2026-31/12/2026. T&C apply',
  'Sum 1 250 000 000 UZS is on your account',
  'Balance 125.000.000 IDR',
  'Score 3:2, ratio 16:9, odds 1.5/2.5, and/or 24/7',
  'OTP is 482913. Do not share it. Valid 5 min.',
  'Your code is 48291374.',
  '48291374 is your verification code',
  'Your PIN: 1234 5678',
  'Card 4532 1234 5678 9010 was used',
  'Card ending 4471: SAR 89.00',
  'IBAN PK36 SCBL 0000 0011 2345 6702 was added',
  'IBAN SA0380000000608010167519 was added',
  'Account 0123456789 credited with NGN 5,000.00',
  'Order 123456789012 has shipped',
  'Order no. 88213456 is out for delivery',
  'Order #402-1234567-8901234 has shipped',
  'Tracking: 0034 0434 1610 9404 2557',
  'AWB 6289104410 arrives today',
  'Shipment JD014600003444772111 is with the courier',
  'Ref.No 4478123490, Txn.ID 88213, Order.No: 5512',
  'Ref no 748291038400. Approved',
  'Emirates ID 784-1990-1234567-1 expires soon',
  'New sign-in from IP 185.22.133.244. Not you? Reply 1',
  'Firmware v2.1.0.4418 is installed',
  'See statement.zip or statement.pdf in your e-mail',
  'Choose 1.Top up 2.Online 3.Support',
  'Reply STOP to 84222 to opt out',
  'Flight SV1020 dep. 08.45 arr. 10.55, gate 12.B',
  'Rs.500 off on min. order of Rs.1,999. Code: SAVE500',
  'Max. 2GB/day, approx. 3.5GB left',
  'Visit us at 12-34 King Fahd Rd., Riyadh 12211',
  'Appointment: Mon 09-12 13-17 Tue 10-14',
  'Win 1000000 now, 1000000000 points in all',
  'Shop at 24.713600, 46.675300',
  'Meter 12345678 reading 001234567',
  'Room 1204, 3rd fl., tower B...see you there',
  'Hello!!!...Your turn is A.102',
  'U.S. visa no. AB1234567, U.K. too',
  'Оплачено.Спасибо за покупку!',
  'Оплата 1 500.00 руб. прошла 22.11.2026 в 14:30',
  'Заказ №1234567890 готов к выдаче',
  'Ваш заказ 88213456 ждет вас на ул.Ленина, д.5, кв.12',
  'Код 482913. Никому его не сообщайте.',
  'Сумма 12 500 000 р., ост. 3 400 000 р.',
  'Счет 40817810099910004312: зачисление 5000.00р',
  'Запись к врачу 22.11 в 14.30, каб.204',
  'Трек-номер 80086012345678, срок 3-5 дн.',
  'Договор 1234567890 продлен до 31.12.2026г.Москва',
  'Показания: ХВС 00123.456, ГВС 00098.765',
  'تم سداد 500.50 ريال بتاريخ 22.11.2026 الساعة 14.30',
  'رمز التحقق 482913.لا تشاركه مع أحد',
  'رقم الطلب 123456789012 جاهز للاستلام',
  'رقم الشحنة 6289104410 في الطريق',
  'حسابكم رقم 0123456789 تم إيداع ١٬٢٥٠٫٠٠ ريال',
  'تم الدفع.قطر الوطنية تشكركم',
  'موعدك يوم ٢٢/١١/٢٠٢٦ الساعة ١٠:٣٠',
  'فاتورة رقم 1234567890 مستحقة 2026-11-22',
  'آپ کا کوڈ 482913 ہے۔کسی کو نہ بتائیں',
  'آرڈر نمبر 1234567890 روانہ ہو گیا',
  'بل 4,500.00 روپے، آخری تاریخ 22.11.2026',
  'شناختی کارڈ 35202-1234567-1 کی میعاد ختم',
  'ملاقات 22-11-2026 کو 10.30 بجے ہے',
];

describe('linksIn: innocents', () => {
  it.each(INNOCENTS)('sees nothing in "%s"', (text) => {
    expect(linksIn(text)).toEqual({ hosts: [], phones: [] });
  });
});

describe('linksIn: any text', () => {
  it('takes whatever there is, in time that grows with it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(linksIn(text).hosts.length).toBeLessThanOrEqual(200);
      }),
    );
    const usMin = (text: string) => {
      const times = Array.from({ length: 5 }, () => {
        const start = process.cpuUsage();
        linksIn(text);
        const { user, system } = process.cpuUsage(start);
        return user + system;
      });
      return Math.min(...times);
    };
    for (const part of [
      'a.',
      '1.',
      '1 ',
      '0-',
      '://',
      '/:',
      '@',
      '[',
      '\\@',
      'call ',
      '.a@',
      'é.',
    ]) {
      const short = usMin(part.repeat(5_000));
      // Sixteen would be linear work for sixteen times the text; 256 quadratic.
      expect(usMin(part.repeat(35_000)), part).toBeLessThan(64 * Math.max(short, 2_000));
    }
  });
});
